import { execFileSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { BOUNCE_LIMIT } from '../../src/root/go-on.ts'
import { makeManifest, manifestBytes } from '../../src/root/manifest/manifest.ts'
import { keyOf } from '../../src/root/observe/files.ts'
import { readRecord, writeRecord } from '../../src/root/record-file.ts'
import { speediso } from '../unit/helpers/program.ts'
import { temporaryDir } from '../unit/helpers/temporary.ts'
import { decideAndDo, type HostOptions } from './helpers/root-host.ts'
import { type Hostpart, IDS, type Name, rootHostparts } from './helpers/root-hostpart.ts'
import { environment, goodTree, makeImage, RELEASE } from './helpers/root-image.ts'
import { BTRFS, EXT4, type Filesystem, XFS } from './helpers/write-log/record.ts'

const dir = temporaryDir()
const MIB = 2 ** 20

const { imageFile, sumOf, make } = rootHostparts(dir)
const hostpart = (filesystem: Filesystem = EXT4, sizeBytes = filesystem.sizeBytes) =>
  make(filesystem, sizeBytes)

/** Leaves no byte free, nor room for a new file. */
function fill({ dir: at }: Hostpart): void {
  const filler = join(at, 'filler')
  mkdirSync(filler)
  for (const bytes of [MIB, 4096, 1]) {
    for (let i = 0; ; i += 1) {
      const path = join(filler, `${bytes}-${i}`)
      try {
        writeFileSync(path, Buffer.alloc(bytes, 1), { flush: true })
      } catch (error) {
        assert.is((error as NodeJS.ErrnoException).code, 'ENOSPC')
        rmSync(path, { force: true })
        break
      }
    }
  }
  const probe = join(at, 'probe')
  assert.throws(() => writeFileSync(probe, 'x', { flush: true }), /ENOSPC/)
  rmSync(probe, { force: true })
}

const boot = (host: Hostpart, options: Partial<HostOptions> = {}) =>
  decideAndDo(host.dir, { folder: dir, ...options })
const bootOf = (name: Name, more = '') => ({
  commandLine: `speediso.booted=current speediso.image=${IDS[name]} ${more}`,
})

for (const filesystem of [EXT4, XFS, BTRFS]) {
  test(`${filesystem.type}: update, trial, confirmation, a second update, revert`, async () => {
    using host = hostpart(filesystem)
    host.put('hn-root.img', 'first')
    const idle = await boot(host, bootOf('first'))
    assert.equal([idle.decision.outcome, idle.decision.boot?.how], ['unchanged', 'mount'])
    host.put('hn-root-new.img', 'next')
    const updated = await boot(host, bootOf('first'))
    assert.equal([updated.decision.outcome, updated.decision.boot?.how], ['updated', 'restart'])
    assert.equal(updated.told, [{ image: IDS.next, tries: 3 }])
    assert.equal(host.list(), { 'hn-root.img': 'next', 'hn-root-old.img': 'first' })
    const trial = await boot(host, bootOf('next'))
    assert.equal([trial.decision.outcome, trial.decision.boot?.how], ['on trial', 'mount'])
    assert.equal(trial.told, [{ image: IDS.next, tries: 2 }])
    const running = (await keyOf(join(host.dir, 'hn-root.img'))) ?? ''
    const confirmed = await boot(host, { occasion: 'confirm', running })
    assert.is(confirmed.decision.outcome, 'confirmed')
    assert.is((await readRecord(host.dir))?.confirmed, running)
    host.put('hn-root-new.img', 'twin')
    const second = await boot(host, { occasion: 'stage', running })
    assert.is(second.decision.outcome, 'updated')
    assert.equal(host.list(), { 'hn-root.img': 'twin', 'hn-root-old.img': 'next' })
    writeFileSync(join(host.dir, 'system-revert'), '')
    const reverted = await boot(host, bootOf('twin'))
    assert.equal([reverted.decision.outcome, reverted.decision.boot?.how], ['reverted', 'restart'])
    assert.equal(host.list(), { 'hn-root.img': 'next', 'hn-root-broken.img': 'twin' })
    assert.equal([...updated.said, ...second.said, ...reverted.said], [])
  })
}

test('an image with the kernel that runs is mounted at once, also by a revert', async () => {
  using host = hostpart()
  host.put('hn-root.img', 'first')
  host.put('hn-root-new.img', 'twin')
  const updated = await boot(host, bootOf('first'))
  assert.equal([updated.decision.outcome, updated.decision.boot?.how], ['updated', 'mount'])
  assert.is((await readRecord(host.dir))?.trial?.boots, 1)
  writeFileSync(join(host.dir, 'system-revert'), '')
  const reverted = await boot(host, bootOf('twin'))
  assert.equal([reverted.decision.outcome, reverted.decision.boot?.how], ['reverted', 'mount'])
})

test('refused: set aside with its reason and its manifest, which is not left for the next one', async () => {
  using host = hostpart()
  host.put('hn-root.img', 'first')
  host.put('hn-root-new.img', 'next')
  truncateSync(join(host.dir, 'hn-root-new.img'), 100_000)
  writeFileSync(join(host.dir, 'hn-root-new.img.json'), '{}')
  const { decision } = await boot(host, bootOf('first'))
  assert.equal([decision.outcome, decision.boot?.how], ['refused', 'mount'])
  assert.equal(host.list(), {
    'hn-root.img': 'first',
    'hn-root-rejected.img': 'other',
    'hn-root-rejected.img.json': 'other',
    'hn-root-rejected.txt': 'other',
  })
  assert.match(readFileSync(join(host.dir, 'hn-root-rejected.txt'), 'utf8'), /manifest/)
  // The next one has none, and gets none.
  host.put('hn-root-new.img', 'next')
  truncateSync(join(host.dir, 'hn-root-new.img'), 100_000)
  assert.is((await boot(host, bootOf('first'))).decision.outcome, 'refused')
  assert.is(host.list()['hn-root-rejected.img.json'], undefined)
})

test('a flag and a candidate: the candidate is held with its manifest, and waits', async () => {
  using host = hostpart()
  host.put('hn-root.img', 'first')
  host.put('hn-root-old.img', 'twin')
  host.put('hn-root-new.img', 'next')
  writeFileSync(join(host.dir, 'hn-root-new.img.json'), '{"it": "is mine"}')
  writeFileSync(join(host.dir, 'system-revert'), '')
  const { decision } = await boot(host, bootOf('first'))
  assert.is(decision.outcome, 'reverted')
  assert.equal(host.list(), {
    ...{ 'hn-root.img': 'twin', 'hn-root-broken.img': 'first' },
    ...{ 'hn-root-held.img': 'next', 'hn-root-held.img.json': 'other' },
  })
})

test('a manifest of an image that was held before is not taken for that of the next one', async () => {
  using host = hostpart()
  host.put('hn-root.img', 'first')
  host.put('hn-root-old.img', 'twin')
  host.put('hn-root-new.img', 'next')
  for (const ending of ['.json', '.json.sig'])
    writeFileSync(join(host.dir, `hn-root-held.img${ending}`), 'of an image that was held before')
  writeFileSync(join(host.dir, 'system-revert'), '')
  assert.is((await boot(host, bootOf('first'))).decision.outcome, 'reverted')
  assert.equal(host.list(), {
    ...{ 'hn-root.img': 'twin', 'hn-root-broken.img': 'first', 'hn-root-held.img': 'next' },
  })
})

test('an odd real_root: its own names, in its own folder', async () => {
  using host = hostpart()
  mkdirSync(join(host.dir, 'x.img.d'))
  host.put('x.img.d/hn.img', 'first')
  host.put('x.img.d/hn-new.img', 'next')
  const commandLine = `real_root=/x.img.d/hn.img speediso.image=${IDS.first}`
  assert.is((await boot(host, { commandLine })).decision.outcome, 'updated')
  assert.equal(readdirSync(join(host.dir, 'x.img.d')).sort(), ['hn-old.img', 'hn.img'])
  assert.is(sumOf(join(host.dir, 'x.img.d/hn.img')), sumOf(imageFile('next')))
})

const ODD: [what: string, make: (path: string) => void][] = [
  ['a folder', (path) => mkdirSync(path)],
  ['a symbolic link', (path) => symlinkSync('hn-root-old.img', path)],
  ['a symbolic link', (path) => symlinkSync('/nowhere', path)],
  ['a pipe or socket', (path) => void execFileSync('mkfifo', [path])],
]

test('a candidate that is no file is refused and set aside, and the host boots what it had', async () => {
  for (const [what, make] of ODD) {
    using host = hostpart()
    host.put('hn-root.img', 'first')
    host.put('hn-root-old.img', 'twin')
    make(join(host.dir, 'hn-root-new.img'))
    const { decision } = await boot(host, bootOf('first'))
    assert.equal([decision.outcome, decision.boot?.role, decision.boot?.how], ['refused', 'current', 'mount'])
    const list = readdirSync(host.dir)
    assert.not(list.includes('hn-root-new.img'), what)
    assert.ok(list.includes('hn-root-rejected.img'), what)
    assert.is(sumOf(join(host.dir, 'hn-root-old.img')), sumOf(imageFile('twin')))
    const reason = readFileSync(join(host.dir, 'hn-root-rejected.txt'), 'utf8')
    assert.match(reason, `it is ${what}, and an image has to be a file itself`)
    // The next one takes its place.
    host.put('hn-root-new.img', 'next')
    truncateSync(join(host.dir, 'hn-root-new.img'), 100_000)
    assert.is((await boot(host, bootOf('first'))).decision.outcome, 'refused')
    assert.ok(statSync(join(host.dir, 'hn-root-rejected.img')).isFile())
  }
})

test('a request to revert may be a folder, also one with something in it: it is carried out once', async () => {
  for (const full of [false, true]) {
    using host = hostpart()
    host.put('hn-root.img', 'first')
    host.put('hn-root-old.img', 'twin')
    mkdirSync(join(host.dir, 'system-revert'))
    if (full) writeFileSync(join(host.dir, 'system-revert/note'), 'why')
    assert.is((await boot(host, bootOf('first'))).decision.outcome, 'reverted')
    const list = readdirSync(host.dir)
    assert.not(list.includes('system-revert'))
    assert.is(list.includes('system-revert.aside'), full)
  }
})

test('a folder for a candidate that cannot be set aside stays, which is said, and the host boots what it had', async () => {
  using host = hostpart()
  host.put('hn-root.img', 'first')
  host.put('hn-root-rejected.img', 'twin')
  mkdirSync(join(host.dir, 'hn-root-new.img'))
  writeFileSync(join(host.dir, 'hn-root-new.img.json'), 'of the folder')
  const { decision, said } = await boot(host, bootOf('first'))
  assert.equal([decision.outcome, decision.boot?.how], ['refused', 'mount'])
  assert.match(
    said.join('\n'),
    /hn-root-new\.img cannot be set aside as hn-root-rejected\.img and stays: .*ENOTDIR/,
  )
  assert.equal(host.list(), {
    ...{ 'hn-root.img': 'first', 'hn-root-new.img': 'other', 'hn-root-new.img.json': 'other' },
    ...{ 'hn-root-rejected.img': 'twin', 'hn-root-rejected.txt': 'other' },
  })
})

test("what is no file under another name does not count, is in nobody's way, and keeps what is in it", async () => {
  for (const [what, make] of ODD) {
    using host = hostpart()
    host.put('hn-root.img', 'first')
    for (const role of ['old', 'broken', 'held']) make(join(host.dir, `hn-root-${role}.img`))
    const still = await boot(host, bootOf('first'))
    assert.equal([still.decision.outcome, still.decision.boot?.how], ['unchanged', 'mount'])
    for (const role of ['old', 'broken', 'held'])
      assert.match(still.said.join('\n'), `hn-root-${role}.img is ${what}: an image has to be a file itself`)
    host.put('hn-root-new.img', 'twin')
    assert.is((await boot(host, bootOf('first'))).decision.outcome, 'updated')
    const { list } = host
    assert.equal([list()['hn-root.img'], list()['hn-root-old.img']], ['twin', 'first'])
    assert.is(list()['hn-root-old.img.aside'], what === 'a folder' ? 'other' : undefined)
    writeFileSync(join(host.dir, 'system-revert'), '')
    assert.is((await boot(host, bootOf('twin'))).decision.outcome, 'reverted')
    assert.equal([list()['hn-root.img'], list()['hn-root-broken.img']], ['first', 'twin'])
  }
})

test('a current image that is a link stays as it is; one that GRUB cannot load is healed', async () => {
  for (const [, make] of ODD) {
    using host = hostpart()
    host.put('hn-root-old.img', 'twin')
    host.put('hn-root-new.img', 'next')
    make(join(host.dir, 'hn-root.img'))
    const isLink = lstatSync(join(host.dir, 'hn-root.img')).isSymbolicLink()
    if (isLink) {
      const { decision } = await boot(host, bootOf('twin'))
      assert.equal([decision.outcome, decision.actions, decision.boot], ['unchanged', [], undefined])
      assert.match(decision.messages[0]?.text ?? '', 'put the file itself there')
      assert.ok(lstatSync(join(host.dir, 'hn-root.img')).isSymbolicLink())
    }
    const { decision } = await boot(host, {
      commandLine: `speediso.booted=old speediso.image=${IDS.twin} speediso.fallback=unreadable`,
    })
    assert.equal([decision.outcome, decision.boot?.how], ['healed', 'mount'])
    assert.is(host.list()['hn-root.img'], 'twin')
  }
})

test('a pipe for a manifest holds nothing up, and says nothing against its image', async () => {
  using host = hostpart()
  host.put('hn-root.img', 'first')
  host.put('hn-root-new.img', 'next')
  execFileSync('mkfifo', [join(host.dir, 'hn-root-new.img.json')])
  const { decision, said } = await boot(host, bootOf('first'))
  assert.is(decision.outcome, 'unchanged')
  assert.match(said.join('\n'), /cannot be judged now: .*hn-root-new\.img\.json: is no file/)
})

test('nothing but a candidate: it becomes the current image, on trial, by its own kernel', async () => {
  using host = hostpart()
  host.put('hn-root-new.img', 'next')
  const { decision, told } = await boot(host)
  assert.equal([decision.outcome, decision.boot?.role, decision.boot?.how], ['updated', 'current', 'restart'])
  assert.equal(host.list(), { 'hn-root.img': 'next' })
  assert.equal(told, [{ image: IDS.next, tries: 3 }])
  const next = await boot(host, bootOf('next', 'speediso.tries=2'))
  assert.equal([next.decision.outcome, next.decision.boot?.how], ['on trial', 'mount'])
  // One that is not proved is not booted, however empty the host.
  using other = hostpart()
  other.put('hn-root-new.img', 'next')
  truncateSync(join(other.dir, 'hn-root-new.img'), 100_000)
  const refused = await boot(other)
  assert.equal([refused.decision.outcome, refused.decision.boot], ['nothing to boot', undefined])
  assert.is(other.list()['hn-root-rejected.img'], 'other')
})

test('a current image that cannot be the root any more is not what a candidate leaves to go back to', async () => {
  for (const damage of ['its modules are gone', 'it does not mount', 'none'] as const) {
    using host = hostpart()
    host.put('hn-root.img', 'first')
    host.put('hn-root-old.img', 'twin')
    await boot(host, bootOf('first'))
    const at = join(host.dir, 'hn-root.img')
    if (damage === 'it does not mount') {
      const file = openSync(at, 'r+')
      writeSync(file, Buffer.alloc(statSync(at).size - 4096, 1), 0, null, 4096)
      closeSync(file)
    }
    if (damage === 'its modules are gone') {
      const { [`usr/lib/modules/${RELEASE}/modules.dep`]: _, ...rest } = goodTree()
      const bare = join(dir, 'bare.img')
      makeImage(bare, 'squashfs', { ...rest, 'boot/speediso.env': environment({ image: IDS.first }) })
      writeFileSync(at, readFileSync(bare), { flag: 'r+' })
      truncateSync(at, statSync(bare).size)
    }
    host.put('hn-root-new.img', 'next')
    const { decision } = await boot(host, bootOf('first'))
    assert.is(decision.outcome, 'updated', damage)
    const broken = damage === 'none' ? {} : { 'hn-root-broken.img': 'other' }
    const old = damage === 'none' ? 'first' : 'twin'
    assert.equal(host.list(), { 'hn-root.img': 'next', 'hn-root-old.img': old, ...broken }, damage)
    const told = decision.messages.some(({ text }) => /the current image cannot be started/.test(text))
    assert.is(told, damage !== 'none')
  }
})

test('staged while the old image runs because the current one cannot: that stays the one to go back to', async () => {
  for (const [line, kept] of [
    ['speediso.booted=current', 'twin'],
    ['speediso.booted=old speediso.fallback=unreadable', 'twin'],
    // Somebody has chosen it in the menu, and nothing speaks against the current one.
    ['speediso.booted=old', 'first'],
  ] as const) {
    using host = hostpart()
    host.put('hn-root.img', 'first')
    host.put('hn-root-old.img', 'twin')
    await boot(host, bootOf('first'))
    host.put('hn-root-new.img', 'next')
    const running = (await keyOf(join(host.dir, 'hn-root-old.img'))) ?? ''
    const { decision } = await boot(host, { occasion: 'stage', running, commandLine: line })
    assert.is(decision.outcome, 'updated', line)
    assert.is(host.list()['hn-root-old.img'], kept, line)
    assert.is(host.list()['hn-root-broken.img'], kept === 'first' ? undefined : 'first', line)
  }
})

test('a candidate that is the current or the old image itself by another name is refused', async () => {
  for (const name of ['hn-root.img', 'hn-root-old.img']) {
    using host = hostpart()
    host.put('hn-root.img', 'first')
    host.put('hn-root-old.img', 'next')
    linkSync(join(host.dir, name), join(host.dir, 'hn-root-new.img'))
    const { decision } = await boot(host)
    assert.equal([decision.outcome, decision.boot?.role], ['refused', 'current'])
    assert.match(readFileSync(join(host.dir, 'hn-root-rejected.txt'), 'utf8'), 'itself, under another name')
    assert.not.ok(existsSync(join(host.dir, 'hn-root-new.img')))
  }
})

test('a candidate with two names is held all the same, when a revert is asked for', async () => {
  using host = hostpart()
  host.put('hn-root.img', 'first')
  host.put('hn-root-held.img', 'next')
  linkSync(join(host.dir, 'hn-root-held.img'), join(host.dir, 'hn-root-new.img'))
  writeFileSync(join(host.dir, 'system-revert'), '')
  assert.is((await boot(host, bootOf('first'))).decision.outcome, 'nothing to revert to')
  assert.equal(host.list(), { 'hn-root.img': 'first', 'hn-root-held.img': 'next' })
})

test('a current image that was overwritten in place boots: no endless restarts', async () => {
  using host = hostpart()
  host.put('hn-root.img', 'first')
  await boot(host, bootOf('first'))
  // As `cp next.img hn-root.img` does: the same file with another content.
  writeFileSync(join(host.dir, 'hn-root.img'), readFileSync(imageFile('next')), { flag: 'r+' })
  truncateSync(join(host.dir, 'hn-root.img'), statSync(imageFile('next')).size)
  const hows: string[] = []
  for (let i = 0; i < 5; i += 1) hows.push((await boot(host, bootOf('next'))).decision.boot?.how ?? '')
  // At the latest when the restarts have led nowhere.
  assert.ok(hows.slice(0, BOUNCE_LIMIT + 1).includes('mount'), hows.join())
})

/** A host whose record was written more than once, as after its first update. */
async function usedHost(filesystem: Filesystem): Promise<Hostpart> {
  const host = hostpart(filesystem)
  host.put('hn-root.img', 'first')
  await boot(host, bootOf('first'))
  const record = await readRecord(host.dir)
  assert.ok(record)
  await writeRecord(host.dir, { ...record, seq: record.seq + 1 })
  return host
}

for (const filesystem of [EXT4, XFS, BTRFS]) {
  test(`${filesystem.type}, full: an update that lies there, and the way back from it, still work`, async () => {
    using host = await usedHost(filesystem)
    host.put('hn-root-new.img', 'next')
    fill(host)
    const updated = await boot(host, bootOf('first'))
    assert.is(updated.decision.outcome, 'updated')
    assert.equal(host.list(), { 'hn-root.img': 'next', 'hn-root-old.img': 'first' })
    const running = (await keyOf(join(host.dir, 'hn-root.img'))) ?? ''
    assert.is((await boot(host, { occasion: 'unhealthy', running })).decision.outcome, 'went back')
    assert.equal(host.list(), { 'hn-root.img': 'first', 'hn-root-broken.img': 'next' })
  })

  test(`${filesystem.type}, full: a flag that is there reverts`, async () => {
    using host = await usedHost(filesystem)
    host.put('hn-root-old.img', 'next')
    writeFileSync(join(host.dir, 'system-revert'), '')
    fill(host)
    assert.is((await boot(host, bootOf('first'))).decision.outcome, 'reverted')
    assert.equal(host.list(), { 'hn-root.img': 'next', 'hn-root-broken.img': 'first' })
  })
}

test('full after its very first boot: an update that lies there is taken', async () => {
  using host = hostpart()
  host.put('hn-root.img', 'first')
  await boot(host, bootOf('first'))
  host.put('hn-root-new.img', 'next')
  fill(host)
  assert.is((await boot(host, bootOf('first'))).decision.outcome, 'updated')
})

test('full: a candidate that is refused is set aside, though there is no room for its reason', async () => {
  using host = await usedHost(EXT4)
  host.put('hn-root-new.img', 'next')
  truncateSync(join(host.dir, 'hn-root-new.img'), 100_000)
  fill(host)
  const { decision } = await boot(host, bootOf('first'))
  assert.is(decision.outcome, 'refused')
  assert.is(host.list()['hn-root-rejected.img'], 'other')
})

test('full, by command: an update with a manifest is taken; its manifest for later deltas is what can be done without', async () => {
  using host = await usedHost(EXT4)
  host.put('hn-root-new.img', 'next')
  const manifest = await makeManifest(
    imageFile('next'),
    { image: IDS.next, version: '1.next', kernelRelease: RELEASE, created: '2026-11-20T10:00:00Z' },
    { signal: new AbortController().signal },
  )
  writeFileSync(join(host.dir, 'hn-root-new.img.json'), manifestBytes(manifest))
  fill(host)
  const { code, stderr } = await speediso(['root', 'switch', '--hostpart', host.dir])
  assert.is(code, 0, stderr)
  assert.equal(host.list(), { 'hn-root.img': 'next', 'hn-root-old.img': 'first' })
})

test('full, by command: stage says what is missing, and leaves nothing', async () => {
  using host = hostpart()
  host.put('hn-root.img', 'first')
  mkdirSync(join(host.dir, '.speediso/incoming'), { recursive: true })
  fill(host)
  const before = host.list()
  const { code, stdout, stderr } = await speediso([
    'root',
    'stage',
    imageFile('next'),
    '--hostpart',
    host.dir,
  ])
  assert.is(code, 1)
  assert.is(stdout, '')
  assert.match(stderr, /[\d.]+ [kMG]?B free, and [\d.]+ [kMG]?B are to be written/)
  assert.match(stderr, /hint: free [\d.]+ [kMG]?B/)
  assert.equal(host.list(), before)
  assert.equal(readdirSync(join(host.dir, '.speediso/incoming')), [])
})

test('a copy of the current or of the old image, without a manifest: refused, as GRUB could not tell them apart', async () => {
  using host = hostpart()
  host.put('hn-root.img', 'first')
  host.put('hn-root-old.img', 'twin')
  for (const [name, which] of [
    ['first', 'current'],
    ['twin', 'old'],
  ] as const) {
    host.put('hn-root-new.img', name)
    // Nothing is remembered, and the boot loader said nothing: what lies there is looked into.
    const { decision } = await boot(host)
    assert.equal([decision.outcome, decision.boot?.role], ['refused', 'current'])
    assert.match(
      readFileSync(join(host.dir, 'hn-root-rejected.txt'), 'utf8'),
      `it has the id of the ${which} image (${IDS[name]})`,
    )
    rmSync(join(host.dir, 'hn-root-rejected.txt'))
    assert.equal(host.list(), {
      ...{ 'hn-root.img': 'first', 'hn-root-old.img': 'twin', 'hn-root-rejected.img': name },
    })
  }
})

test('a read-only hostpart: each command says so, and nothing is half done', async () => {
  using host = hostpart(EXT4, 400 * MIB)
  host.put('hn-root.img', 'first')
  host.put('hn-root-old.img', 'twin')
  await boot(host, bootOf('first'))
  const record = await readRecord(host.dir)
  const commands: [string, ...string[]][] = [
    ['switch'],
    ['revert'],
    ['stage', imageFile('next')],
    ['stage', imageFile('next'), '--plan'],
    ['stage', join(host.dir, 'hn-root-new.img')],
  ]
  for (const [command, ...args] of commands) {
    const place = command === 'switch' || args[0]?.includes('-new.img') === true
    if (place) host.put('hn-root-new.img', 'next')
    host.remount('ro')
    const before = host.list()
    const { code, stdout, stderr } = await speediso(['root', command, ...args, '--hostpart', host.dir])
    // A stage looks before it begins.
    assert.is(code, command === 'stage' ? 1 : 3, `${command}: ${stdout}${stderr}`)
    assert.match(stderr, /^speediso: hostpart is mounted read-only/m, command)
    assert.match(stderr, `mount -o remount,rw ${host.dir}`)
    assert.equal(host.list(), before)
    assert.equal(await readRecord(host.dir), record)
    // What people read must not claim what was not done.
    assert.not.match(`${stdout}${stderr}`, /^(done|updated|reverted) /m)
    host.remount('rw')
    if (place) unlinkSync(join(host.dir, 'hn-root-new.img'))
  }
})

test.run()
