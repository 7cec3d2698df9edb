import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { InputError, ReadError } from '../../src/errors.ts'
import {
  chooseTrialEnv,
  formatTrialEnv,
  nextTrialEnv,
  parseTrialEnv,
  type TrialCopies,
  type TrialEnv,
} from '../../src/root/loader/trial-env.ts'
import { readTrial, readTrialCopies, writeTrial } from '../../src/root/loader/trial-store.ts'
import { temporaryDir } from './helpers/temporary.ts'

const ID = 'c0ffee00-0000-4000-8000-000000000001'
const on = (seq: number, tries: number, image = ID): TrialEnv => ({ seq, trial: { image, tries } })
const text = (env: TrialEnv) => formatTrialEnv(env).toString('latin1')

const anyEnv: fc.Arbitrary<TrialEnv> = fc.oneof(
  fc.integer({ min: 1, max: 999_999_999 }).map((seq) => ({ seq })),
  fc
    .tuple(
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 0, max: 9 }),
      fc.stringMatching(/^[0-9A-Za-z][0-9A-Za-z._-]{0,63}$/),
    )
    .map(([seq, tries, image]) => on(seq, tries, image)),
)

test('a copy stands in one sector, and is read back', () => {
  fc.assert(
    fc.property(anyEnv, (env) => {
      const bytes = formatTrialEnv(env)
      assert.equal(parseTrialEnv(bytes), env)
      assert.ok(bytes.subarray(512).every((byte) => byte === 0x23))
      assert.equal(parseTrialEnv(Buffer.concat([bytes.subarray(0, 512), Buffer.alloc(512)])), env)
    }),
  )
})

test('what is no copy does not count', () => {
  const good = text(on(7, 3))
  const changes: [string, string][] = [
    ['end=1\n', ''],
    ['end=1', 'end=10'],
    ['seq=7', 'seq=0'],
    ['seq=7', 'seq=07'],
    ['seq=7', 'seq=1000000000'],
    ['tries=3', 'tries=-1'],
    ['tries=3', 'tries='],
    ['tries=3', 'tries=10'],
    [`trial=${ID}`, 'trial='],
    [`trial=${ID}`, 'trial=-x'],
    [`trial=${ID}`, 'trial=a b'],
    ['# GRUB', '# grub'],
  ]
  assert.equal(parseTrialEnv(Buffer.from(good)), on(7, 3))
  for (const [from, to] of changes) {
    assert.ok(good.includes(from))
    assert.is(parseTrialEnv(Buffer.from(good.replace(from, to))), undefined, `${from} -> ${to}`)
  }
})

test('what GRUB could not count is refused', () => {
  for (const env of [
    on(0, 1),
    on(1, 10),
    on(1, 1.5),
    on(1, 1, ''),
    on(1, 1, 'a b'),
    on(1, 1, 'x'.repeat(65)),
  ]) {
    assert.throws(
      () => formatTrialEnv(env),
      (error: unknown) => error instanceof InputError,
    )
  }
})

test('the higher seq counts, then the fewer tries, then the first', () => {
  const table: [TrialCopies, TrialEnv | undefined][] = [
    [[undefined, undefined], undefined],
    [[on(1, 2), undefined], on(1, 2)],
    [[undefined, on(1, 2)], on(1, 2)],
    [[on(2, 9), on(1, 0)], on(2, 9)],
    [[on(1, 0), on(2, 9)], on(2, 9)],
    [[on(2, 3), on(2, 2)], on(2, 2)],
    [[on(2, 2), on(2, 3)], on(2, 2)],
    [[on(2, 2, 'a'), on(2, 2, 'b')], on(2, 2, 'a')],
    [[on(2, 0), { seq: 2 }], { seq: 2 }],
  ]
  for (const [copies, want] of table) assert.equal(chooseTrialEnv(copies), want, JSON.stringify(copies))
})

test('at each cut of a change GRUB counts what was or what is to be', () => {
  fc.assert(
    fc.property(anyEnv, fc.option(anyEnv), (before, wanted) => {
      const copies: TrialCopies = [before, before]
      const next = nextTrialEnv(copies, wanted?.trial)
      assert.equal(next.trial, wanted?.trial)
      const cuts: TrialCopies[] = [
        [undefined, before],
        [next, before],
        [next, undefined],
        [next, next],
      ]
      const seen = cuts.map((cut) => JSON.stringify(chooseTrialEnv(cut)))
      for (const each of seen)
        assert.ok(
          [before, next].some((env) => JSON.stringify(env) === each),
          each,
        )
      assert.is(seen.at(-1), JSON.stringify(next))
    }),
  )
})

test('after the highest seq it begins anew', () => {
  const last = on(999_999_999, 1)
  const next = nextTrialEnv([last, last], undefined)
  assert.equal(next, { seq: 1 })
  assert.equal(chooseTrialEnv([next, last]), last)
  assert.equal(nextTrialEnv([undefined, undefined], undefined), { seq: 1 })
})

function esp(counting = true): { dir: string; copy: (n: number) => string } {
  const dir = temporaryDir()
  mkdirSync(join(dir, 'grub'))
  if (counting) writeFileSync(join(dir, 'grub/speediso-b.cfg'), '')
  return { dir, copy: (n) => join(dir, `grub/speediso-${n}.env`) }
}

test('a trial is written into both copies, and only when it is another', async () => {
  const { dir, copy } = esp()
  assert.is(await readTrial(dir), undefined)
  assert.equal(await writeTrial(dir, { image: ID, tries: 3 }), on(1, 3))
  assert.equal(await readTrialCopies(dir), [on(1, 3), on(1, 3)])
  assert.equal(await writeTrial(dir, { image: ID, tries: 3 }), on(1, 3))
  assert.equal(await writeTrial(dir, undefined), { seq: 2 })
  assert.equal(await readTrialCopies(dir), [{ seq: 2 }, { seq: 2 }])
  // The same trial, and one copy lost: both are made good.
  writeFileSync(copy(2), Buffer.alloc(2000, 0xff))
  assert.equal(await writeTrial(dir, undefined), { seq: 3 })
  assert.is(readFileSync(copy(2)).length, 1024)
  assert.equal(await readTrialCopies(dir), [{ seq: 3 }, { seq: 3 }])
})

test('the only copy that counts is touched last', async () => {
  for (const lost of [1, 2]) {
    const { dir, copy } = esp()
    await writeTrial(dir, { image: ID, tries: 3 })
    const before = readFileSync(copy(3 - lost))
    // The lost one cannot be written: what counts must be as it was.
    rmSync(copy(lost))
    symlinkSync('/proc/version', copy(lost))
    await writeTrial(dir, undefined).then(
      () => assert.unreachable(),
      () => {},
    )
    assert.equal(readFileSync(copy(3 - lost)), before, `copy ${lost} lost`)
  }
})

test('a copy that cannot be read is told, and nothing is written', async () => {
  const { dir, copy } = esp()
  await writeTrial(dir, { image: ID, tries: 3 })
  const before = readFileSync(copy(1))
  rmSync(copy(2))
  mkdirSync(copy(2))
  await writeTrial(dir, undefined).then(
    () => assert.unreachable(),
    (error: unknown) => assert.instance(error, ReadError),
  )
  assert.equal(readFileSync(copy(1)), before)
})

test('a boot loader that does not count is told, and nothing is written', async () => {
  const { dir, copy } = esp(false)
  await writeTrial(dir, undefined).then(
    () => assert.unreachable(),
    (error: unknown) => assert.instance(error, ReadError),
  )
  assert.throws(() => readFileSync(copy(1)), /ENOENT/)
})

test.run()
