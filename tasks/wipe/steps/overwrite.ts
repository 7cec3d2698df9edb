import { randomBytes } from 'node:crypto'
import type { StepContext, StepOutcome } from '../../../src/runtime/task.ts'
import { mergeRanges, totalBytes } from '../../../src/system/disk-io/ranges.ts'
import { runDiskWork } from '../../../src/system/disk-io/run.ts'
import type { Pattern, Range } from '../../../src/system/disk-io/schema.ts'
import type { DiskRecord } from '../journal.ts'
import type { DiskId, WipeKinds } from '../schema.ts'
import { notDone } from './work-end.ts'

/**
 * Writes every sector of a disk, pass after pass, from where an earlier process was. The journal knows how far it is for
 * certain. A sector that cannot be written makes it fail: what was in it may still be read by others.
 */
export async function overwrite(
  disk: DiskId,
  record: DiskRecord,
  { passes, pattern, stall }: Pick<WipeKinds['erase'], 'passes' | 'pattern' | 'stall'>,
  ctx: StepContext,
): Promise<StepOutcome> {
  const { path, sizeBytes, sectorBytes } = disk
  const { erase } = record.data
  if (erase === null) throw new Error('an overwrite needs its journal')
  const resumed = erase.pass > 0 || erase.written > 0
  if (resumed) ctx.voice.log('info', `goes on in pass ${erase.pass + 1} at byte ${erase.written}`)
  let retries = 0
  let writtenBytes = 0
  for (; erase.pass < passes; erase.pass += 1, erase.written = 0, erase.patternSeed = null) {
    if (pattern === 'random') erase.patternSeed ??= randomBytes(32).toString('hex')
    const seed = erase.patternSeed
    const written: Pattern = seed === null ? { kind: 'zero' } : { kind: 'random', seed }
    // Before the first byte: without its seed a pass could neither go on nor be read back.
    await record.save()
    const before = erase.pass * sizeBytes
    const from = performance.now()
    const spentBefore = erase.spent
    // What an earlier pass or process has left out stays left out, whatever this one reaches.
    const left = { ranges: erase.unwritten, bytes: erase.unwrittenBytes }
    const note = (unwritten: Range[], bytes: number) => {
      erase.unwritten = mergeRanges([...left.ranges, ...unwritten])
      erase.unwrittenBytes = Math.max(totalBytes(erase.unwritten), left.bytes, bytes)
      erase.spent = spentBefore + performance.now() - from
    }
    const end = await runDiskWork(
      { work: 'overwrite', path, sizeBytes, sectorBytes, pattern: written, from: erase.written },
      {
        ...ctx,
        stall,
        progress: (done) => ctx.voice.progress(before + done, passes * sizeBytes, 'bytes'),
        async checkpoint(bytes, unwritten, unwrittenBytes) {
          erase.written = bytes
          note(unwritten, unwrittenBytes)
          await record.save()
        },
      },
    )
    erase.spent = spentBefore + performance.now() - from
    if (end.state !== 'done') {
      await record.save()
      return notDone(end)
    }
    const { result } = end
    retries += result.retries
    writtenBytes += result.writtenBytes
    note(result.unwritten, result.unwrittenBytes)
    if (erase.pass + 1 === passes) break
  }
  erase.ended = new Date(ctx.clock.now()).toISOString()
  await record.save()
  const seconds = erase.spent / 1000
  const evidence = {
    passes,
    pattern,
    ...(erase.patternSeed === null ? {} : { seed: erase.patternSeed }),
    bytes: sizeBytes,
    writtenBytes,
    seconds,
    bytesPerSecond: seconds > 0 ? Math.round((passes * sizeBytes) / seconds) : null,
    retries,
    resumed,
    unwritten: erase.unwritten.slice(0, 100),
    unwrittenBytes: erase.unwrittenBytes,
  }
  if (erase.unwrittenBytes > 0) {
    const first = erase.unwritten[0]?.from
    const reason = `${erase.unwrittenBytes} bytes cannot be written, the first at ${first}: destroy this disk`
    return { verdict: 'failed', reason, evidence }
  }
  return { verdict: 'passed', evidence }
}
