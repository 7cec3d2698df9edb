import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { systemClock } from '../../src/system/clock.ts'
import { GoneError } from '../../src/system/disk-io/errors.ts'
import { fillKeystream } from '../../src/system/disk-io/keystream.ts'
import { mark } from '../../src/system/disk-io/mark.ts'
import { canaryOffsets } from '../../src/system/disk-io/places.ts'
import { mergeRanges, totalBytes } from '../../src/system/disk-io/ranges.ts'
import { readBack } from '../../src/system/disk-io/read-back.ts'
import type { ReadRequest } from '../../src/system/disk-io/schema.ts'
import { type MemoryDisk, memoryDisk } from './helpers/memory-disk.ts'

const SEED = '0123456789abcdef'.repeat(4)
const SECTOR = 32_768
const MIB = 2 ** 20
const SECTORS = 330

let progress = { done: 0, total: 0, operations: 0 }
const report = {
  watch(read: () => typeof progress) {
    Object.defineProperty(report, 'progress', { get: read, configurable: true })
  },
  checkpoint() {},
}

async function read(disk: MemoryDisk, request: Partial<ReadRequest> = {}) {
  const full: ReadRequest = {
    work: 'read',
    path: '/dev/x',
    sizeBytes: disk.data.length,
    sectorBytes: SECTOR,
    expect: { kind: 'zero' },
    ranges: null,
    canaries: null,
    ...request,
  }
  const result = await readBack(full, disk, report, systemClock)
  progress = (report as unknown as { progress: typeof progress }).progress
  return result
}

const ranged = (sectors: Iterable<number>) =>
  mergeRanges([...sectors].map((sector) => ({ from: sector * SECTOR, to: (sector + 1) * SECTOR })))

function zeroDisk(sectors = SECTORS, sectorBytes = SECTOR): MemoryDisk {
  const disk = memoryDisk(sectors * sectorBytes, sectorBytes)
  disk.data.fill(0)
  return disk
}

test('a disk of zeros', async () => {
  const disk = zeroDisk()
  const result = await read(disk)
  assert.equal(
    { ...result, seconds: 0 },
    {
      readBytes: SECTORS * SECTOR,
      mismatches: [],
      mismatchedBytes: 0,
      unreadable: [],
      unreadableBytes: 0,
      canariesFound: [],
      canariesChecked: 0,
      uniform: 0,
      seconds: 0,
    },
  )
  assert.equal([progress.done, progress.total], [SECTORS * SECTOR, SECTORS * SECTOR])
})

test('exactly what differs and what cannot be read is found, every other sector is read once', async () => {
  const sectors = fc.uniqueArray(fc.nat(SECTORS - 1), { maxLength: 25 })
  await fc.assert(
    fc.asyncProperty(sectors, sectors, fc.boolean(), async (odd, bad, random) => {
      const disk = zeroDisk()
      if (random) fillKeystream(SEED, 'pattern', 0, disk.data)
      for (const sector of odd) {
        const at = sector * SECTOR + ((sector * 7919) % SECTOR)
        disk.data[at] = (disk.data[at] ?? 0) ^ 4
      }
      for (const sector of bad) disk.bad.add(sector)
      const result = await read(disk, { expect: random ? { kind: 'random', seed: SEED } : { kind: 'zero' } })
      assert.equal(result.unreadable, ranged(bad))
      assert.equal(result.mismatches, ranged(odd.filter((sector) => !disk.bad.has(sector))))
      assert.is(result.unreadableBytes, totalBytes(result.unreadable))
      assert.is(result.mismatchedBytes, totalBytes(result.mismatches))
      assert.is(result.readBytes, (SECTORS - bad.length) * SECTOR)
      for (let sector = 0; sector < SECTORS; sector += 1) {
        assert.ok(disk.bad.has(sector) ? !disk.reads.has(sector) : (disk.reads.get(sector) ?? 0) >= 1)
      }
    }),
    { numRuns: 40 },
  )
})

test('what was read twice on the way is counted once', async () => {
  const disk = zeroDisk(2000)
  for (let sector = 200; sector < 1500; sector += 1) disk.bad.add(sector)
  // Where it is looked ahead, and where it comes back.
  disk.data[1600 * SECTOR] = 1
  disk.data[1501 * SECTOR] = 1
  const result = await read(disk)
  assert.equal(result.mismatches, ranged([1501, 1600]))
  assert.is(result.mismatchedBytes, 2 * SECTOR)
  assert.equal(result.unreadable, [{ from: 200 * SECTOR, to: 1500 * SECTOR }])
  assert.is(result.readBytes + result.unreadableBytes, 2000 * SECTOR)
})

test('only the ranges asked for are read, in blocks that cross none', async () => {
  const disk = zeroDisk()
  const ranges = [0, 3, 100, 101, 329].map((sector) => ({ from: sector * SECTOR, to: (sector + 1) * SECTOR }))
  const asked = mergeRanges([...ranges, { from: 120 * SECTOR, to: 260 * SECTOR }])
  const result = await read(disk, { ranges: asked })
  const expected = [0, 3, 100, 101, 329, ...Array.from({ length: 140 }, (_, i) => 120 + i)]
  assert.equal(
    [...disk.reads.keys()].sort((a, b) => a - b),
    expected.sort((a, b) => a - b),
  )
  assert.is(result.readBytes, totalBytes(asked))
  disk.data[50 * SECTOR] = 1
  assert.equal((await read(disk, { ranges: asked })).mismatches, [], 'what lies outside is not looked at')
})

test('one byte all over, whatever is expected', async () => {
  for (const byte of [0, 0xff, 0x33]) {
    const disk = zeroDisk()
    disk.data.fill(byte)
    assert.is((await read(disk, { expect: null })).uniform, byte)
    const result = await read(disk)
    assert.equal([result.uniform, result.mismatchedBytes], [byte, byte === 0 ? 0 : SECTORS * SECTOR])
  }
  for (const at of [0, 1, SECTORS * SECTOR - 1, 4 * MIB, 4 * MIB - 1]) {
    const disk = zeroDisk()
    disk.data[at] = 0x55
    assert.is((await read(disk, { expect: null })).uniform, null)
  }
  // Each block the same byte all over, but not the same one.
  const disk = zeroDisk()
  disk.data.fill(1, 4 * MIB, 8 * MIB)
  assert.is((await read(disk, { expect: null })).uniform, null)
})

test('canaries that are placed are found again, one by one and sector by sector', async () => {
  const disk = memoryDisk(16 * MIB, 512)
  const offsets = canaryOffsets(SEED, 16 * MIB, 4096, 64)
  const request = {
    work: 'mark',
    path: '/dev/x',
    sizeBytes: 16 * MIB,
    sectorBytes: 512,
    seed: SEED,
    offsets,
  } as const
  assert.equal(await mark(request, disk, report), { placed: offsets, failed: [] })
  const look = {
    sectorBytes: 512,
    expect: null,
    ranges: [{ from: 0, to: 512 }],
    canaries: { seed: SEED, offsets },
  }
  const all = await read(disk, look)
  assert.equal([all.canariesFound, all.canariesChecked], [offsets, 64])

  const [kept, half] = [offsets[10] ?? 0, offsets[20] ?? 0]
  const saved = Buffer.from(disk.data)
  disk.data.fill(0)
  saved.copy(disk.data, kept, kept, kept + 4096)
  saved.copy(disk.data, half + 1024, half + 1024, half + 1536)
  assert.equal((await read(disk, look)).canariesFound, [kept, half])
  // A canary of another place is no canary of this one.
  saved.copy(disk.data, kept, half, half + 4096)
  assert.equal((await read(disk, look)).canariesFound, [half])
  disk.data.fill(0)
  assert.equal((await read(disk, look)).canariesFound, [])
})

test('a canary that cannot be read is not one that is gone', async () => {
  const disk = memoryDisk(16 * MIB, 512)
  disk.data.fill(0)
  const offsets = [0, 8 * MIB]
  disk.bad.add((8 * MIB) / 512 + 3)
  const canaries = { seed: SEED, offsets }
  const bad = { from: 8 * MIB + 1536, to: 8 * MIB + 2048 }
  for (const ranges of [null, [{ from: 0, to: MIB }]]) {
    const result = await read(disk, { sectorBytes: 512, canaries, ranges })
    assert.equal([result.canariesFound, result.canariesChecked], [[], 1])
    assert.equal([result.unreadable, result.unreadableBytes], [[bad], 512])
    assert.is(result.readBytes, ranges === null ? 16 * MIB - 512 : MIB)
  }
})

test('a canary that cannot be written is listed with the reason, one that did not stay as well', async () => {
  const disk = memoryDisk(16 * MIB, 512)
  disk.bad.add(8)
  const { write } = disk
  disk.write = async (source, offset) => {
    await write(source, offset)
    if (offset === 8192) disk.data[8200] = (disk.data[8200] ?? 0) ^ 1
  }
  const offsets = [0, 4096, 8192]
  const request = {
    work: 'mark',
    path: '/dev/x',
    sizeBytes: 16 * MIB,
    sectorBytes: 512,
    seed: SEED,
    offsets,
  } as const
  const { placed, failed } = await mark(request, disk, report)
  assert.equal(placed, [0])
  assert.equal(failed, [
    { offset: 4096, error: 'EIO' },
    { offset: 8192, error: 'what was read back is not what was written' },
  ])
})

test('a disk that goes while it is read', async () => {
  const disk = zeroDisk()
  const { read: real } = disk
  disk.read = async (target, offset) => {
    if (offset >= 5 * MIB) disk.reason = '/dev/x has 0 bytes, not 10813440'
    await real(target, offset)
  }
  const error = await read(disk).then(
    () => undefined,
    (error: unknown) => error,
  )
  assert.instance(error, GoneError)
})

test('less than a sector at the end of the disk is unreadable, if it was to be read', async () => {
  const disk = zeroDisk()
  const size = SECTORS * SECTOR
  const tail = { from: size, to: size + 512 }
  const whole = await read(disk, { sizeBytes: size + 512 })
  assert.equal([whole.unreadable, whole.readBytes], [[tail], size])
  const start = await read(disk, { sizeBytes: size + 512, ranges: [{ from: 0, to: SECTOR }] })
  assert.equal([start.unreadable, start.readBytes], [[], SECTOR])
})

test.run()
