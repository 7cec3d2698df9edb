import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Clock, systemClock } from '../../src/system/clock.ts'
import { DiskWorkError, GoneError } from '../../src/system/disk-io/errors.ts'
import { fillKeystream } from '../../src/system/disk-io/keystream.ts'
import { overwrite } from '../../src/system/disk-io/overwrite.ts'
import { subtractRanges, totalBytes } from '../../src/system/disk-io/ranges.ts'
import type { Checkpoint, OverwriteRequest } from '../../src/system/disk-io/schema.ts'
import { type MemoryDisk, memoryDisk } from './helpers/memory-disk.ts'

const SEED = '0123456789abcdef'.repeat(4)
const SECTOR = 65_536
const MIB = 2 ** 20

async function run(
  disk: MemoryDisk,
  request: Partial<OverwriteRequest> = {},
  clock: Clock = systemClock,
  kept: (checkpoint: Checkpoint) => void = () => {},
) {
  const full: OverwriteRequest = {
    work: 'overwrite',
    path: '/dev/x',
    sizeBytes: disk.data.length,
    sectorBytes: SECTOR,
    pattern: { kind: 'random', seed: SEED },
    from: 0,
    ...request,
  }
  let progress = () => ({ done: -1, total: 0, operations: 0 })
  const report = {
    watch(read: typeof progress) {
      progress = read
    },
    checkpoint: kept,
  }
  const result = await overwrite(full, disk, report, clock)
  return { result, progress: progress() }
}

const pattern = Buffer.alloc(64 * MIB)
fillKeystream(SEED, 'pattern', 0, pattern)
const expected = (size: number) => pattern.subarray(0, size)

const rejection = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error as Error,
  )

const sectorsOf = (ranges: readonly { from: number; to: number }[]) =>
  ranges.flatMap(({ from, to }) => Array.from({ length: (to - from) / SECTOR }, (_, i) => from / SECTOR + i))

test('every byte of a disk of any size, from the start or from where it was', async () => {
  for (const [sectors, from] of [
    [1, 0],
    [64, 0],
    [65, 0],
    [300, 0],
    [300, 7],
    [300, 299],
    [300, 300],
  ] as const) {
    const disk = memoryDisk(sectors * SECTOR, SECTOR)
    const { result, progress } = await run(disk, { from: from * SECTOR })
    assert.equal(disk.stable.subarray(0, from * SECTOR), Buffer.alloc(from * SECTOR, 0xaa))
    assert.ok(disk.stable.subarray(from * SECTOR).equals(expected(disk.data.length).subarray(from * SECTOR)))
    assert.is(result.writtenBytes, (sectors - from) * SECTOR)
    assert.equal([result.unwritten, result.retries], [[], 0])
    assert.equal([progress.done, progress.total], [sectors * SECTOR, sectors * SECTOR])
  }
})

test('zeros', async () => {
  const disk = memoryDisk(9 * MIB, SECTOR)
  await run(disk, { pattern: { kind: 'zero' } })
  assert.ok(disk.stable.every((byte) => byte === 0))
})

test('less than a sector at the end is listed, not passed over', async () => {
  const disk = memoryDisk(6 * MIB, SECTOR)
  const { result } = await run(disk, { sizeBytes: 6 * MIB + 512 })
  assert.equal(result.unwritten, [{ from: 6 * MIB, to: 6 * MIB + 512 }])
  assert.is(result.writtenBytes, 6 * MIB)
})

/** What must hold of every end, whatever is broken. */
function checkWhole(disk: MemoryDisk, unwritten: readonly { from: number; to: number }[]): Set<number> {
  const want = expected(disk.data.length)
  const lost = new Set(sectorsOf(unwritten))
  for (let sector = 0; sector < disk.data.length / SECTOR; sector += 1) {
    const [from, to] = [sector * SECTOR, (sector + 1) * SECTOR]
    const right = disk.stable.subarray(from, to).equals(want.subarray(from, to))
    assert.ok(right || lost.has(sector), `sector ${sector} is neither written nor listed`)
    if (disk.bad.has(sector)) assert.ok(lost.has(sector) && !right)
    assert.ok(
      (disk.tries.get(sector) ?? 0) <= 2,
      `sector ${sector} was tried ${disk.tries.get(sector)} times`,
    )
  }
  return lost
}

const SECTORS = 330
const someSectors = fc.uniqueArray(fc.nat(SECTORS - 1), { maxLength: 40 })
/** Stretches that are shorter than what is gone round. */
const stretches = fc
  .array(fc.tuple(fc.nat(SECTORS - 1), fc.integer({ min: 1, max: 15 })), { maxLength: 8 })
  .map((list) => list.flatMap(([from, length]) => Array.from({ length }, (_, i) => from + i)))
  .map((list) => new Set(list.filter((sector) => sector < SECTORS)))

function longestRun(sectors: ReadonlySet<number>): number {
  let [longest, run] = [0, 0]
  for (let sector = 0; sector < SECTORS; sector += 1) {
    run = sectors.has(sector) ? run + 1 : 0
    longest = Math.max(longest, run)
  }
  return longest
}

test('exactly the sectors that cannot be written are listed, all others are written, none is tried thrice', async () => {
  await fc.assert(
    fc.asyncProperty(someSectors, stretches, fc.nat(SECTORS - 1), async (single, stretch, from) => {
      const disk = memoryDisk(SECTORS * SECTOR, SECTOR)
      for (const sector of [...single, ...stretch]) disk.bad.add(sector)
      const { result, progress } = await run(disk, { from: from * SECTOR })
      const bad = [...disk.bad].filter((sector) => sector >= from).sort((a, b) => a - b)
      if (longestRun(disk.bad) < 16) assert.equal(sectorsOf(result.unwritten), bad)
      assert.is(result.unwrittenBytes, totalBytes(result.unwritten))
      assert.is(result.writtenBytes + result.unwrittenBytes, (SECTORS - from) * SECTOR)
      assert.is(progress.done, SECTORS * SECTOR)
      for (const sector of disk.bad) if (sector < from) disk.bad.delete(sector)
      checkWhole(disk, [{ from: 0, to: from * SECTOR }, ...result.unwritten])
    }),
    { numRuns: 40 },
  )
})

test('of any disk whatever, what is not listed is written', async () => {
  const areas = fc.array(fc.tuple(fc.nat(SECTORS - 1), fc.integer({ min: 1, max: 200 })), { maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(areas, someSectors, async (bad, single) => {
      const disk = memoryDisk(SECTORS * SECTOR, SECTOR)
      for (const [from, length] of bad) {
        for (let i = from; i < Math.min(from + length, SECTORS); i += 1) disk.bad.add(i)
      }
      for (const sector of single) disk.bad.add(sector)
      const { result } = await run(disk)
      checkWhole(disk, result.unwritten)
      assert.is(result.writtenBytes + result.unwrittenBytes, SECTORS * SECTOR)
    }),
    { numRuns: 40 },
  )
})

test('a large bad area is gone round from both sides, in few tries', async () => {
  const size = 1024 * SECTOR
  const disk = memoryDisk(size, SECTOR)
  for (let sector = 100; sector < 900; sector += 1) disk.bad.add(sector)
  const { result } = await run(disk)
  assert.equal(result.unwritten, [{ from: 100 * SECTOR, to: 900 * SECTOR }])
  assert.ok(disk.operations < 200, `${disk.operations} operations`)
  checkWhole(disk, result.unwritten)
})

test('a disk that takes nothing at all is given up after few tries, and all of it is listed', async () => {
  const disk = memoryDisk(2048 * SECTOR, SECTOR)
  for (let sector = 0; sector < 2048; sector += 1) disk.bad.add(sector)
  const { result } = await run(disk)
  assert.equal(result.unwritten, [{ from: 0, to: 2048 * SECTOR }])
  assert.is(result.writtenBytes, 0)
  assert.ok(disk.operations < 200, `${disk.operations} operations`)
})

test('a disk with very many defects is not tried sector by sector for ever', async () => {
  const sector = 512
  const disk = memoryDisk(64 * MIB, sector)
  for (let i = 0; i < (64 * MIB) / sector; i += 8) disk.bad.add(i)
  const { result } = await run(disk, { sectorBytes: sector, pattern: { kind: 'zero' } })
  assert.ok(disk.operations < 15_000, `${disk.operations} operations`)
  const wrong = subtractRanges([{ from: 0, to: 64 * MIB }], result.unwritten)
  for (const { from, to } of wrong) assert.ok(disk.stable.subarray(from, to).every((byte) => byte === 0))
})

test('a write that fails once is tried again', async () => {
  const disk = memoryDisk(16 * MIB, SECTOR)
  disk.shaky.set(70, 1)
  disk.shaky.set(200, 1)
  const { result } = await run(disk)
  assert.equal([result.unwritten, result.retries], [[], 2])
  assert.ok(disk.stable.equals(expected(16 * MIB)))
})

test('a defect costs a physical sector, and is listed as one', async () => {
  const disk = memoryDisk(8 * MIB, 512, 4096)
  disk.bad.add(1001)
  const { result } = await run(disk, { sectorBytes: 512, from: 512, pattern: { kind: 'zero' } })
  assert.equal(result.unwritten, [{ from: 1000 * 512, to: 1008 * 512 }])
})

test('a disk that has gone ends the work at once', async () => {
  const disk = memoryDisk(64 * MIB, SECTOR)
  const { write } = disk
  disk.write = async (source, offset) => {
    if (offset >= 20 * MIB) disk.reason = '/dev/x has gone'
    await write(source, offset)
  }
  const error = await rejection(run(disk))
  assert.instance(error, GoneError)
  assert.is((error as GoneError).message, '/dev/x has gone')
  assert.ok((error as GoneError).at > 0)
  assert.ok(disk.operations <= 10, 'nothing of the rest was tried')
})

test('ENXIO and ENODEV say that it has gone; what is no defect breaks the work', async () => {
  for (const [code, kind] of [
    ['ENXIO', GoneError],
    ['ENODEV', GoneError],
    ['EINVAL', DiskWorkError],
    ['EPERM', DiskWorkError],
    ['EBADF', DiskWorkError],
  ] as const) {
    const disk = memoryDisk(16 * MIB, SECTOR)
    disk.bad.add(100)
    disk.code = code
    assert.instance(await rejection(run(disk)), kind, code)
  }
})

test('a disk that does not confirm its cache, or has gone when all was written, is no success', async () => {
  const disk = memoryDisk(16 * MIB, SECTOR)
  disk.flushCode = 'EIO'
  const error = await rejection(run(disk))
  assert.instance(error, DiskWorkError)
  assert.match(error?.message ?? '', 'does not confirm')

  const other = memoryDisk(16 * MIB, SECTOR)
  other.flush = async () => {
    other.reason = '/dev/x is another device now'
  }
  assert.instance(await rejection(run(other)), GoneError)
})

test('what a checkpoint says is true even when power is lost then', async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.constant([]), someSectors), async (bad) => {
      const disk = memoryDisk(SECTORS * SECTOR, SECTOR)
      for (const sector of bad) disk.bad.add(sector)
      const want = expected(disk.data.length)
      let time = 0
      const clock = { now: () => 0, monotonic: () => (time += 6000) }
      const seen: number[] = []
      const { result } = await run(disk, {}, clock, ({ written, unwritten, unwrittenBytes }) => {
        seen.push(written)
        assert.is(totalBytes(unwritten), unwrittenBytes)
        for (const { from, to } of subtractRanges([{ from: 0, to: written }], unwritten)) {
          assert.ok(disk.stable.subarray(from, to).equals(want.subarray(from, to)), `${from} to ${to}`)
        }
        assert.ok(unwritten.every(({ to }) => to <= written))
        const before = bad.filter((sector) => sector * SECTOR < written).sort((a, b) => a - b)
        if (longestRun(new Set(bad)) < 16) assert.equal(sectorsOf(unwritten), before)
      })
      assert.equal(
        seen,
        seen.toSorted((a, b) => a - b),
      )
      assert.is(seen.at(-1), disk.data.length)
      if (bad.length === 0) assert.ok(seen.length > 1)
      assert.is(result.writtenBytes + result.unwrittenBytes, disk.data.length)
    }),
    { numRuns: 20 },
  )
})

test.run()
