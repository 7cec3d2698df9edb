import { execFileSync } from 'node:child_process'
import { closeSync, fsyncSync, openSync, readFileSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { memoryFolder } from './helpers/loop-device.ts'
import { DEFAULT_CUTS, piecesOf, planCuts } from './helpers/write-log/cuts.ts'
import { eachCut, type JudgedCut } from './helpers/write-log/each-cut.ts'
import { type LogEntry, parseWriteLog } from './helpers/write-log/format.ts'
import { filesOf, grubView, kernelView } from './helpers/write-log/readers.ts'
import { EXT4, recordWrites, withMounted } from './helpers/write-log/record.ts'
import { replayOnto } from './helpers/write-log/replay.ts'

const SECTOR = 512

/** A log as the kernel's target writes it. */
function logOf(
  entries: { sector?: number; sectors?: number; flags?: number; data?: Buffer }[],
  counted?: number,
) {
  const superblock = Buffer.alloc(SECTOR)
  superblock.writeBigUInt64LE(0x6a736677736872n, 0)
  superblock.writeBigUInt64LE(1n, 8)
  superblock.writeBigUInt64LE(BigInt(counted ?? entries.length), 16)
  superblock.writeUInt32LE(SECTOR, 24)
  const parts = entries.flatMap(({ sector = 0, sectors = 0, flags = 0, data = Buffer.alloc(0) }) => {
    const entry = Buffer.alloc(SECTOR)
    ;[sector, sectors, flags, 0].forEach((value, i) => {
      entry.writeBigUInt64LE(BigInt(value), i * 8)
    })
    return [entry, data]
  })
  return Buffer.concat([superblock, ...parts])
}

const write = (at: number, letter: string, fua = false): LogEntry => {
  return { kind: 'write', at: at * SECTOR, data: Buffer.alloc(SECTOR, letter), fua }
}
const flush: LogEntry = { kind: 'flush' }

test('a log is read: writes, discards, flushes, and a flush that comes with a write', () => {
  const data = Buffer.alloc(2 * SECTOR, 'x')
  const log = logOf([
    { sector: 3, sectors: 2, data },
    { flags: 1 },
    { sector: 8, sectors: 4, flags: 4 },
    { sector: 1, sectors: 2, flags: 3, data },
  ])
  const { entries, ends } = parseWriteLog(log)
  assert.equal(entries, [
    { kind: 'write', at: 3 * SECTOR, data, fua: false },
    flush,
    { kind: 'discard', at: 8 * SECTOR, length: 4 * SECTOR },
    flush,
    { kind: 'write', at: SECTOR, data, fua: true },
  ])
  assert.equal([ends.length, ends.at(-1)], [5, log.length])
})

test('what is no whole log is refused', () => {
  const data = Buffer.alloc(2 * SECTOR)
  const whole = logOf([{ sector: 1, sectors: 2, data }, { flags: 1 }])
  parseWriteLog(whole)
  assert.throws(() => parseWriteLog(whole.subarray(0, -1)), /ends within an entry/)
  assert.throws(() => parseWriteLog(whole.subarray(0, 3 * SECTOR)), /ends within a write/)
  assert.throws(() => parseWriteLog(logOf([{ flags: 1 }], 2)), /1 entries of 2/)
  assert.throws(() => parseWriteLog(logOf([{ flags: 16 }])), /unknown flags/)
  assert.throws(() => parseWriteLog(logOf([{}])), /a write of nothing/)
  assert.throws(() => parseWriteLog(Buffer.alloc(SECTOR)), /no log/)
})

test('cuts: every prefix, and every subset of what no flush has made durable', () => {
  const entries = [write(0, 'a'), write(1, 'b'), flush, write(2, 'c'), write(0, 'd')]
  const pieces = piecesOf(entries, 4096)
  const cuts = planCuts(entries, pieces, DEFAULT_CUTS)
  const shown = cuts.map(({ durable, also, latest, kind }) => [durable, also.join(), latest, kind])
  assert.equal(shown, [
    [0, '', 2, 'prefix'],
    [0, '0', 2, 'prefix'],
    [0, '0,1', 2, 'prefix'],
    [0, '1', 2, 'subset'],
    [2, '', 5, 'prefix'],
    [2, '2', 5, 'prefix'],
    [2, '2,3', 5, 'prefix'],
    [2, '3', 5, 'subset'],
  ])
  const prefixes = planCuts(entries, pieces, { ...DEFAULT_CUTS, subsets: false })
  assert.equal(
    prefixes,
    cuts.filter(({ kind }) => kind === 'prefix'),
  )
})

test('cuts: of many writes a sample that is the same each time, with each one alone and each one lost', () => {
  const entries = Array.from({ length: 12 }, (_, i) => write(i, 'x'))
  const pieces = piecesOf(entries, 4096)
  const cuts = planCuts(entries, pieces)
  assert.equal(planCuts(entries, pieces), cuts)
  assert.not.equal(planCuts(entries, pieces, { ...DEFAULT_CUTS, seed: 2 }), cuts)
  const sets = new Set(cuts.map(({ also }) => also.join()))
  assert.is(sets.size, cuts.length)
  const all = entries.map((_, i) => i)
  for (const one of all) {
    assert.ok(sets.has(`${one}`))
    assert.ok(sets.has(all.filter((each) => each !== one).join()))
  }
  assert.ok(cuts.length > 13 + 11 + 11)
})

test('cuts: a write that is durable once done is in every state that has a later one', () => {
  const entries = [write(0, 'a'), write(1, 'b', true), write(2, 'c')]
  const sets = planCuts(entries, piecesOf(entries, 4096)).map(({ also }) => also.join())
  assert.equal(sets, ['', '0', '0,1', '0,1,2', '1', '1,2'])
})

test('large writes can be torn at the borders of what a disk writes whole', () => {
  const data = Buffer.alloc(3 * 4096, 'x')
  const pieces = piecesOf([{ kind: 'write', at: 4096 - 1024, data, fua: false }], 4096)
  const shown = pieces.map(({ at, data: { length } }) => [at, length])
  assert.equal(shown, [
    [3072, 1024],
    [4096, 4096],
    [8192, 4096],
    [12_288, 3072],
  ])
  assert.is(piecesOf([{ kind: 'write', at: 0, data, fua: false }], 512).length, 24)
})

test('a disk is brought into the state of each cut, and back', () => {
  using memory = memoryFolder('16m')
  const base = join(memory.dir, 'base')
  writeFileSync(base, '')
  truncateSync(base, 4 * SECTOR)
  const entries = [write(0, 'a'), write(1, 'b'), flush, write(1, 'c'), write(0, 'd'), write(1, 'e')]
  const pieces = piecesOf(entries, 4096)
  using disk = replayOnto(base, join(memory.dir, 'disk'), pieces)
  const states = planCuts(entries, pieces).map((cut) => {
    const state = disk.take(cut)
    const [first, second] = [0, SECTOR].map((at) => String.fromCharCode(readFileSync(disk.path)[at] ?? 0))
    return [`${first}${second}`.replaceAll('\0', '-'), state] as const
  })
  assert.equal(
    states.map(([letters]) => letters),
    ['--', 'a-', 'ab', '-b', 'ab', 'ac', 'dc', 'de', 'db', 'ae', 'ae', 'de'],
  )
  // Digests tell states apart, and only those.
  assert.is(new Set(states.map(([, state]) => state)).size, new Set(states.map(([letters]) => letters)).size)
  const sizes = states.map(([letters]) => [letters, states.filter(([each]) => each === letters)] as const)
  for (const [, same] of sizes) assert.is(new Set(same.map(([, state]) => state)).size, 1)
})

const CONTENTS = { A: Buffer.alloc(700_001, 'A'), B: Buffer.alloc(600_001, 'B') }
const FILES = filesOf(['file', 'other'], CONTENTS)

test('both readers tell a whole file from a damaged one, a missing one and a disk that is none', async () => {
  using memory = memoryFolder('512m')
  using recording = await recordWrites({
    filesystem: EXT4,
    dir: memory.dir,
    prepare: (dir) => writeFileSync(join(dir, 'file'), CONTENTS.A),
    act() {},
  })
  const { base } = recording
  const both = async () => [await grubView(base, FILES), await kernelView(base, EXT4.mountOptions, FILES)]
  const whole = { file: 'A', other: 'missing' }
  assert.equal(await both(), [whole, whole])
  await withMounted(base, join(memory.dir, 'at'), EXT4.mountOptions, (dir) => {
    const file = openSync(join(dir, 'file'), 'r+')
    writeSync(file, 'x', 350_000)
    closeSync(file)
  })
  const damaged = { file: 'damaged', other: 'missing' }
  assert.equal(await both(), [damaged, damaged])
  writeFileSync(base, Buffer.alloc(8 * 2 ** 20))
  const nothing = { file: 'damaged', other: 'damaged' }
  assert.equal(await both(), [nothing, nothing])
})

test('a recording has the flush of an fsync, and what was promised before it; without one nothing is durable', async () => {
  using memory = memoryFolder('512m')
  for (const durable of [true, false]) {
    using recording = await recordWrites({
      filesystem: EXT4,
      dir: memory.dir,
      prepare: (dir) => writeFileSync(join(dir, 'other'), CONTENTS.B),
      act(dir, mark) {
        const file = openSync(join(dir, 'file'), 'w')
        writeSync(file, CONTENTS.A)
        if (durable) fsyncSync(file)
        mark('written')
        closeSync(file)
        execFileSync('sync', ['--file-system', dir])
      },
    })
    const before = recording.entries.slice(0, recording.marks.written)
    assert.is(
      before.some(({ kind }) => kind === 'flush'),
      durable,
    )
    const lost: string[] = []
    const judge = (judged: JudgedCut) => {
      assert.is(judged.kernel.other, 'B')
      if (judged.after('written') && judged.kernel.file !== 'A') lost.push(judged.name)
    }
    const options = { ...DEFAULT_CUTS, atomBytes: 2 ** 20, sampled: 4 }
    const totals = await eachCut(recording, FILES, judge, options)
    assert.ok(totals.prefixes > totals.flushes)
    assert.is(lost.length === 0, durable, lost[0] ?? 'nothing lost')
  }
})

test('whatever fails, nothing stays mounted or running', async () => {
  using memory = memoryFolder('512m')
  const act = (): never => {
    throw new Error('as it happens')
  }
  const recording = recordWrites({ filesystem: EXT4, dir: memory.dir, prepare() {}, act })
  await recording.then(
    () => assert.unreachable(),
    (error) => assert.is(error.message, 'as it happens'),
  )
  assert.not.match(readFileSync('/proc/mounts', 'utf8'), `${memory.dir}/`)
  assert.not.match(
    execFileSync('losetup', ['--list', '--output', 'BACK-FILE'], { encoding: 'utf8' }),
    memory.dir,
  )
  const commands = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
  assert.not.match(commands, `mountpoint=${memory.dir}`)
})

test.run()
