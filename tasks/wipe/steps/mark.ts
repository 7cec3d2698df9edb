import type { StepContext, StepOutcome } from '../../../src/runtime/task.ts'
import { readSmartHealth } from '../../../src/system/block/smart-health.ts'
import { writersOf } from '../../../src/system/block/stack/users.ts'
import { canaryBytes, canaryOffsets } from '../../../src/system/disk-io/places.ts'
import { runDiskWork } from '../../../src/system/disk-io/run.ts'
import { mistaken, partitionPaths } from '../identify.ts'
import { currentDisk, openRecord } from '../journal.ts'
import type { WipeKinds } from '../schema.ts'
import { notDone } from './work-end.ts'

/** Health before, and canaries over the whole disk: blocks that only this run knows, and that must be gone afterwards. */
export async function mark(params: WipeKinds['mark'], ctx: StepContext): Promise<StepOutcome> {
  const record = await openRecord(ctx.stateDir, params.disk)
  const disk = currentDisk(params.disk, record)
  const before = record.data.passed.mark
  if (before !== undefined) return { verdict: 'passed', evidence: { ...before.evidence, earlier: true } }
  const wrong = await mistaken(disk, ctx)
  if (wrong !== undefined) return { verdict: 'failed', reason: wrong, evidence: {} }
  const writers = await writersOf(ctx.root, [disk.path, ...(await partitionPaths(disk.name, ctx))])
  if (writers.length > 0) {
    const reason = `in use: open for writing by ${writers.join(', ')}; end that first`
    return { verdict: 'failed', reason, evidence: { writers } }
  }

  record.data.smartBefore = await readSmartHealth(ctx.exec, disk.path, ctx.signal)
  const { sizeBytes, sectorBytes, path } = disk
  const offsets = canaryOffsets(record.data.seed, sizeBytes, canaryBytes(sectorBytes), params.canaries)
  if (offsets.length === 0) {
    // Nothing is opened: a drive that is being sanitized takes neither write nor flush.
    const evidence = { placed: 0, failedCount: 0, smartBefore: record.data.smartBefore }
    record.data.passed.mark = { evidence }
    await record.save()
    return { verdict: 'passed', evidence }
  }
  const request = { work: 'mark', path, sizeBytes, sectorBytes, seed: record.data.seed, offsets } as const
  const end = await runDiskWork(request, {
    ...ctx,
    stall: params.stall,
    progress: (done, total) => ctx.voice.progress(done, total, 'bytes'),
  })
  if (end.state !== 'done') {
    await record.save()
    return notDone(end)
  }
  const { placed, failed } = end.result
  record.data.canaries = placed
  const evidence = { placed: placed.length, failed: failed.slice(0, 20), failedCount: failed.length }
  // A disk on which not one can be written is no reason to leave it: its firmware may erase it all the same.
  if (failed.length > 0)
    ctx.voice.log('warning', `${failed.length} of ${offsets.length} canaries cannot be written`)
  record.data.passed.mark = { evidence }
  await record.save()
  return { verdict: 'passed', evidence }
}
