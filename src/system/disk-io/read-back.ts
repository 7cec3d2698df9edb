import type { Clock } from '../clock.ts'
import { alignedBuffers } from './aligned.ts'
import type { BlockFile } from './block-file.ts'
import { canaryContent, readInPieces } from './canary.ts'
import { createMismatchFinder, sharesSector, uniformByte } from './compare.ts'
import { judgeFailure, stillThere } from './judge.ts'
import { canaryBytes } from './places.ts'
import { createRangeList, subtractRanges } from './ranges.ts'
import type { WorkReport } from './report.ts'
import type { Range, ReadRequest, ReadResult } from './schema.ts'
import { BLOCK, createSweep, DEPTH } from './sweep.ts'

/** Ranges listed of each kind. */
const LISTED = 1000

/**
 * Reads a disk, or places of it, and looks at every byte: whether it is as expected, whether all is one and the same
 * byte, and whether a canary is left.
 * @throws GoneError when the disk is not there any more
 */
export async function readBack(
  request: ReadRequest,
  file: BlockFile,
  report: WorkReport,
  clock: Clock,
): Promise<ReadResult> {
  const { sizeBytes, sectorBytes, expect } = request
  const start = clock.monotonic()
  const end = Math.floor(sizeBytes / sectorBytes) * sectorBytes
  const mismatches = createRangeList(LISTED)
  const unreadable = createRangeList(LISTED)
  const uniform = createUniform()
  const differs = expect === null ? undefined : createMismatchFinder(expect, sectorBytes)
  let lostBytes = 0
  const buffers = alignedBuffers(DEPTH, BLOCK)
  const wanted = request.ranges ?? [{ from: 0, to: sizeBytes }]
  const ranges = wanted
    .map(({ from, to }) => ({ from, to: Math.min(to, end) }))
    .filter(({ from, to }) => from < to)
  const total = ranges.reduce((sum, { from, to }) => sum + to - from, 0)

  const read = async ({ from, to }: Range, slot: number): Promise<Buffer> => {
    const buffer = (buffers[slot] ?? Buffer.alloc(0)).subarray(0, to - from)
    await file.read(buffer, from)
    return buffer
  }
  const sweep = createSweep({
    ranges,
    granule: sectorBytes,
    async act(range, slot) {
      const data = await read(range, slot)
      const byte = uniformByte(data)
      uniform.add(byte)
      if (byte === 0 && expect?.kind === 'zero') return
      for (const found of differs?.(data, range.from) ?? []) mismatches.add(found)
    },
    async probe(range, slot) {
      await read(range, slot)
    },
    lost(range) {
      lostBytes += range.to - range.from
      unreadable.add(range)
    },
    judge: (error, at) => judgeFailure(file, error, at),
  })
  let canariesRead = 0
  report.watch(() => ({ done: sweep.done, total, operations: canariesRead + sweep.operations }))

  const canaries = { found: [] as number[], checked: 0 }
  for (const offset of request.canaries?.offsets ?? []) {
    const [buffer = Buffer.alloc(0)] = buffers
    const data = buffer.subarray(0, canaryBytes(sectorBytes))
    const lost = await readInPieces(file, data, offset, sectorBytes)
    canariesRead += 1
    if (lost.length === 0) canaries.checked += 1
    // Inside the ranges the sweep meets it again.
    for (const range of subtractRanges(lost, ranges)) unreadable.add(range)
    const content = canaryContent(request.canaries?.seed ?? '', offset, data.length)
    if (sharesSector(data, content, sectorBytes)) canaries.found.push(offset)
  }
  await sweep.run()
  await stillThere(file, end)
  for (const { from, to } of wanted) unreadable.add({ from: Math.max(from, end), to })
  return {
    readBytes: sweep.done - lostBytes,
    mismatches: mismatches.ranges,
    mismatchedBytes: mismatches.bytes,
    unreadable: unreadable.ranges,
    unreadableBytes: unreadable.bytes,
    canariesFound: canaries.found,
    canariesChecked: canaries.checked,
    uniform: uniform.byte(),
    seconds: (clock.monotonic() - start) / 1000,
  }
}

/** Whether everything that is added is one and the same byte, and which; null when not, or when nothing was added. */
function createUniform(): { add(byte: number | undefined): void; byte(): number | null } {
  let first: number | undefined
  let mixed = false
  return {
    add(byte) {
      first ??= byte
      if (byte === undefined || byte !== first) mixed = true
    },
    byte: () => (mixed ? null : (first ?? null)),
  }
}
