import { closeSync, openSync, truncateSync, writeSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { canaryOffsets, samplePlaces } from '../../src/system/disk-io/places.ts'
import { subtractRanges, totalBytes } from '../../src/system/disk-io/ranges.ts'
import { runDiskWork } from '../../src/system/disk-io/run.ts'
import type { Pattern, ReadRequest, ReadResult } from '../../src/system/disk-io/schema.ts'
import { temporaryDir } from '../unit/helpers/temporary.ts'
import { diskOf, workDeps } from './helpers/disk-work.ts'
import { type LoopDevice, loopDevice } from './helpers/loop-device.ts'

const MIB = 2 ** 20
const SEED = 'fedcba9876543210'.repeat(4)
const dir = temporaryDir()
const zero = { kind: 'zero' } as const
const random = { kind: 'random', seed: SEED } as const

async function overwrite(loop: LoopDevice, pattern: Pattern): Promise<void> {
  const end = await runDiskWork({ work: 'overwrite', ...diskOf(loop), pattern, from: 0 }, workDeps())
  assert.is(end.state, 'done')
}

async function read(loop: LoopDevice, request: Partial<ReadRequest>): Promise<ReadResult> {
  const base = { work: 'read', ...diskOf(loop), expect: null, ranges: null, canaries: null } as const
  const end = await runDiskWork({ ...base, ...request }, workDeps())
  assert.is(end.state, 'done', JSON.stringify(end))
  if (end.state !== 'done') throw new Error(end.state)
  return end.result
}

/** Changes one byte of the disk, through the kernel's cache. */
function corrupt(path: string, at: number): void {
  const fd = openSync(path, 'r+')
  writeSync(fd, Buffer.of(0x5a), 0, 1, at)
  closeSync(fd)
}

test('a wiped disk reads as such, and one byte that is not is found in its sector', async () => {
  for (const options of [
    { sizeBytes: 21 * MIB + 512, sectorBytes: 512 },
    { sizeBytes: 13 * MIB + 4096, sectorBytes: 4096 },
  ]) {
    using loop = loopDevice({ dir, ...options, fill: 0xaa })
    const { sectorBytes: sector, sizeBytes: size } = loop
    for (const expect of [random, zero]) {
      await overwrite(loop, expect)
      const clean = await read(loop, { expect })
      assert.equal([clean.readBytes, clean.mismatches, clean.unreadable], [size, [], []])
      assert.is(clean.uniform, expect.kind === 'zero' ? 0 : null)
      for (const at of [0, sector * 3 + 17, 8 * MIB - 1, size - 1]) {
        await overwrite(loop, expect)
        corrupt(loop.path, at)
        const from = Math.floor(at / sector) * sector
        const found = await read(loop, { expect })
        assert.equal(found.mismatches, [{ from, to: from + sector }], `${at}`)
        assert.equal([found.mismatchedBytes, found.uniform], [sector, null])
      }
    }
  }
})

test('a pass of another seed, or none at all, does not pass for one', async () => {
  using loop = loopDevice({ dir, sizeBytes: 9 * MIB, fill: 0xaa })
  const untouched = await read(loop, { expect: zero })
  assert.equal([untouched.mismatchedBytes, untouched.uniform], [9 * MIB, 0xaa])
  await overwrite(loop, random)
  const other = await read(loop, { expect: { kind: 'random', seed: SEED.replace('f', 'e') } })
  assert.is(other.mismatchedBytes, 9 * MIB)
})

test('canaries are on the disk once they are placed, and gone once it is overwritten', async () => {
  using loop = loopDevice({ dir, sizeBytes: 33 * MIB, fill: 0 })
  const offsets = canaryOffsets(SEED, loop.sizeBytes, 4096, 64)
  const canaries = { seed: SEED, offsets }
  const marked = await runDiskWork({ work: 'mark', ...diskOf(loop), seed: SEED, offsets }, workDeps())
  assert.equal(marked, { state: 'done', result: { placed: offsets, failed: [] } })
  const before = await read(loop, { canaries, ranges: [{ from: 0, to: 512 }] })
  assert.equal([before.canariesFound, before.canariesChecked], [offsets, 64])

  // All but the last block of the disk.
  const kept = offsets.at(-1) ?? 0
  const wiped = { work: 'overwrite', ...diskOf(loop), pattern: zero } as const
  const fd = openSync(loop.path, 'r+')
  writeSync(fd, Buffer.alloc(kept), 0, kept, 0)
  closeSync(fd)
  assert.equal((await read(loop, { canaries, ranges: [] })).canariesFound, [kept])
  await runDiskWork({ ...wiped, from: 0 }, workDeps())
  const after = await read(loop, { canaries, expect: zero })
  assert.equal([after.canariesFound, after.canariesChecked, after.mismatchedBytes], [[], 64, 0])
})

test('a sample of a disk finds what lies in it, and reads nothing else', async () => {
  using loop = loopDevice({ dir, sizeBytes: 2048 * MIB })
  const ranges = samplePlaces(SEED, loop.sizeBytes, 512)
  const inside = ranges[700]?.from ?? 0
  const outside = subtractRanges([{ from: 0, to: loop.sizeBytes }], ranges)[300]?.from ?? 0
  corrupt(loop.path, inside)
  corrupt(loop.path, outside)
  const result = await read(loop, { expect: zero, ranges })
  assert.equal(result.mismatches, [{ from: inside, to: inside + 512 }])
  assert.is(result.readBytes, totalBytes(ranges))
})

test('what cannot be read is listed to the sector, and is no mismatch', async () => {
  using loop = loopDevice({ dir, sizeBytes: 40 * MIB, fill: 0 })
  // The file ends before the device does: reads beyond give EIO.
  truncateSync(loop.file, 30 * MIB + 4096)
  const result = await read(loop, { expect: zero, canaries: { seed: SEED, offsets: [0, 35 * MIB] } })
  const from = 30 * MIB + 4096
  assert.equal(result.unreadable, [{ from, to: 40 * MIB }])
  assert.equal([result.unreadableBytes, result.readBytes], [40 * MIB - from, from])
  assert.equal([result.mismatchedBytes, result.canariesChecked], [0, 1])
})

test('a disk that shrinks while it is read has gone', async () => {
  using loop = loopDevice({ dir, sizeBytes: 65_536 * MIB })
  let shrunk = false
  const deps = workDeps({
    progress(done) {
      if (shrunk || done === 0) return
      shrunk = true
      truncateSync(loop.file, MIB)
      loop.resize()
    },
  })
  const request = { work: 'read', ...diskOf(loop), expect: zero, ranges: null, canaries: null } as const
  const end = await runDiskWork(request, deps)
  assert.is(end.state, 'gone', JSON.stringify(end))
})

test('a read-only disk can be read back', async () => {
  using loop = loopDevice({ dir, sizeBytes: MIB, readOnly: true, fill: 0x33 })
  assert.is((await read(loop, { expect: null })).uniform, 0x33)
})

test.run()
