import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { actsOf, SIDECARS } from '../../src/root/acts.ts'
import { parseManifest } from '../../src/root/manifest/manifest.ts'
import { dropManifests, keepManifest } from '../../src/root/manifests.ts'
import { imageNames } from '../../src/root/names.ts'
import { finishSidecars } from '../../src/root/sidecars.ts'
import { FIRST_RECORD } from '../../src/root/standing.ts'
import { randomBytesOf } from '../block/helpers/random-bytes.ts'
import { manifestOf } from './helpers/image-manifest.ts'
import { temporaryDir } from './helpers/temporary.ts'

const names = imageNames()
const ONE = randomBytesOf('one', 600_000)
/** Of the same size. */
const OTHER = randomBytesOf('other', 600_000)

const MANIFEST = await manifestOf(ONE)

function hostpart(files: Record<string, Buffer | string>): string {
  const dir = temporaryDir()
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(dir, name), bytes)
  return dir
}
const list = (dir: string) => readdirSync(dir).sort()

for (const to of ['held', 'rejected'] as const) {
  const moved = [names[to], ...SIDECARS.map((ending) => `${names[to]}${ending}`)]

  test(`${to}: cut off at any call, the image has its own manifest in the end, and no other`, async () => {
    const acts = actsOf({ do: 'move', from: 'new', to }, names)
    for (let done = 0; done <= acts.length; done += 1) {
      const dir = hostpart({
        ...{ [names.new]: ONE, [`${names.new}.json`]: MANIFEST, [`${names.new}.json.sig`]: 'signature' },
        // Of the image that had this name before.
        ...{ [names[to]]: OTHER, [`${names[to]}.json`]: await manifestOf(OTHER) },
      })
      for (const act of acts.slice(0, done)) {
        if (act.act === 'rename') renameSync(join(dir, act.from), join(dir, act.to))
        if (act.act === 'unlink') rmSync(join(dir, act.path), { force: true })
      }
      await finishSidecars(dir, names, undefined)
      if (existsSync(join(dir, names.new))) {
        // Not begun: all of it is done again.
        assert.ok(existsSync(join(dir, `${names.new}.json`)))
        continue
      }
      assert.equal(list(dir), moved.toSorted(), `after ${done} calls`)
      assert.equal(readFileSync(join(dir, `${names[to]}.json`)), MANIFEST)
      assert.is(readFileSync(join(dir, `${names[to]}.json.sig`), 'utf8'), 'signature')
    }
  })

  test(`${to}: a manifest of another image never becomes its own`, async () => {
    const files = { [names[to]]: OTHER, [`${names.new}.json`]: MANIFEST }
    const dir = hostpart(files)
    await finishSidecars(dir, names, undefined)
    assert.equal(list(dir), Object.keys(files).toSorted())
  })

  test(`${to}: what it has already is not replaced`, async () => {
    const files = { [names[to]]: ONE, [`${names[to]}.json`]: 'its own', [`${names.new}.json`]: MANIFEST }
    const dir = hostpart(files)
    await finishSidecars(dir, names, undefined)
    assert.is(readFileSync(join(dir, `${names[to]}.json`), 'utf8'), 'its own')
    assert.equal(list(dir), Object.keys(files).toSorted())
  })
}

test('kept manifests that lie elsewhere by a link are not cleared away', async () => {
  const elsewhere = hostpart({ mine: 'x' })
  for (const linked of [true, false]) {
    const dir = hostpart({})
    mkdirSync(join(dir, '.speediso'))
    if (linked) symlinkSync(elsewhere, join(dir, '.speediso/manifests'))
    else {
      mkdirSync(join(dir, '.speediso/manifests'))
      writeFileSync(join(dir, '.speediso/manifests/mine'), 'x')
    }
    await dropManifests(dir, FIRST_RECORD)
    assert.equal(list(join(dir, '.speediso/manifests')), linked ? ['mine'] : [], 'control: one of its own is')
    if (linked) {
      writeFileSync(join(dir, names.new), ONE)
      writeFileSync(join(dir, `${names.new}.json`), MANIFEST)
      const error = await keepManifest(dir, names.new, 'sum').catch((thrown: unknown) => thrown)
      assert.match((error as Error).message, /is no folder of its own/)
    }
  }
  assert.equal(list(elsewhere), ['mine'])
})

test('a candidate that is taken leaves no manifest for the next one', async () => {
  const acts = actsOf({ do: 'move', from: 'new', to: 'current' }, names)
  const gone = acts.flatMap((act) => (act.act === 'unlink' ? [act.path] : []))
  assert.equal(gone.sort(), SIDECARS.map((ending) => `${names.new}${ending}`).sort())
  // Cut off before that, it goes as soon as its image is known.
  const dir = hostpart({
    [names.current]: ONE,
    [`${names.new}.json`]: MANIFEST,
    [`${names.new}.json.sig`]: 's',
  })
  const { sha256 } = parseManifest(MANIFEST).manifest
  await finishSidecars(dir, names, { ...FIRST_RECORD, images: { '1-1': { id: 'x', sha256 } } })
  assert.equal(list(dir), [names.current])
})

test('a manifest that people bring before its image stays, and that of an image that is there too', async () => {
  for (const image of [undefined, ONE]) {
    const dir = hostpart({
      ...{ [`${names.new}.json`]: MANIFEST, [`${names.new}.json.sig`]: 'signature' },
      ...(image === undefined ? {} : { [names.new]: image }),
    })
    const before = list(dir)
    await finishSidecars(dir, names, FIRST_RECORD)
    assert.equal(list(dir), before)
  }
  const odd = hostpart({ [`${names.new}.json`]: 'no manifest', [names.held]: ONE })
  await finishSidecars(odd, names, FIRST_RECORD)
  assert.equal(list(odd), [names.held, `${names.new}.json`].sort())
})

test.run()
