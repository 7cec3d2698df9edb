import type { Clock } from '../clock.ts'
import { alignedBuffers } from './aligned.ts'
import type { BlockFile } from './block-file.ts'
import { flushDisk, judgeFailure, stillThere } from './judge.ts'
import { fillKeystream } from './keystream.ts'
import { createRangeList } from './ranges.ts'
import type { WorkReport } from './report.ts'
import type { OverwriteRequest, OverwriteResult, Pattern, Range } from './schema.ts'
import { BLOCK, createSweep, DEPTH } from './sweep.ts'

/** Ranges listed of what could not be written. */
const LISTED = 10_000

/** The disk's cache is flushed after so many milliseconds or bytes: what is written for certain can be said then. */
const FLUSH_EVERY = 5000
const FLUSH_BYTES = 32 * 2 ** 30

/**
 * Writes the pattern over a whole disk, from where an earlier process of the same pass had come to.
 * @throws GoneError when the disk is not there any more
 * @throws DiskWorkError when it does not confirm what it has written
 */
export async function overwrite(
  request: OverwriteRequest,
  file: BlockFile,
  report: WorkReport,
  clock: Clock,
): Promise<OverwriteResult> {
  const { sizeBytes, sectorBytes, from } = request
  const start = clock.monotonic()
  const unwritten = createRangeList(LISTED)
  // What is less than a sector at the end cannot be written at all.
  const end = Math.floor(sizeBytes / sectorBytes) * sectorBytes
  const content = contentOf(request.pattern)
  let flushed = { time: start, at: from }
  let flushing: Promise<void> | undefined
  let failure: unknown

  const write = ({ from, to }: Range, slot: number) => file.write(content(from, to - from, slot), from)
  const sweep = createSweep({
    ranges: from < end ? [{ from, to: end }] : [],
    granule: file.physicalBytes,
    async act(range, slot) {
      if (failure !== undefined) throw failure
      await write(range, slot)
      flushWhenDue()
    },
    probe: write,
    lost: (range) => unwritten.add(range),
    judge: (error, at) => judgeFailure(file, error, at),
  })
  report.watch(() => ({ done: from + sweep.done, total: sizeBytes, operations: sweep.operations }))

  function flushWhenDue(): void {
    const now = clock.monotonic()
    const written = sweep.frontier
    const due = now - flushed.time >= FLUSH_EVERY || written - flushed.at >= FLUSH_BYTES
    if (!due || flushing !== undefined || sweep.salvaging) return
    const checkpoint = { written, unwritten: unwritten.ranges, unwrittenBytes: unwritten.bytes }
    flushing = flushDisk(file, written)
      .then(() => report.checkpoint(checkpoint))
      .catch((error: unknown) => {
        failure ??= error
      })
      .finally(() => {
        flushed = { time: clock.monotonic(), at: written }
        flushing = undefined
      })
  }

  await sweep.run()
  await flushing
  if (failure !== undefined) throw failure
  await flushDisk(file, end)
  await stillThere(file, end)
  const lost = unwritten.bytes
  unwritten.add({ from: Math.max(end, from), to: sizeBytes })
  report.checkpoint({ written: sizeBytes, unwritten: unwritten.ranges, unwrittenBytes: unwritten.bytes })
  return {
    writtenBytes: sweep.done - lost,
    unwritten: unwritten.ranges,
    unwrittenBytes: unwritten.bytes,
    retries: sweep.retries,
    seconds: (clock.monotonic() - start) / 1000,
  }
}

/** Bytes of the pattern from an offset; a slot's buffer is used again by the next call with that slot. */
function contentOf(pattern: Pattern): (offset: number, length: number, slot: number) => Buffer {
  if (pattern.kind === 'zero') {
    const [zeros = Buffer.alloc(0)] = alignedBuffers(1, BLOCK)
    return (_offset, length) => zeros.subarray(0, length)
  }
  const buffers = alignedBuffers(DEPTH, BLOCK)
  return (offset, length, slot) => {
    const buffer = (buffers[slot] ?? Buffer.alloc(0)).subarray(0, length)
    fillKeystream(pattern.seed, 'pattern', offset, buffer)
    return buffer
  }
}
