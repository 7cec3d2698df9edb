import { setTimeout as sleep } from 'node:timers/promises'
import type { StepContext, StepOutcome } from '../../../src/runtime/task.ts'
import { restoreNativeSize } from '../../../src/system/drive/native-size.ts'
import { mistaken, readDiskId } from '../identify.ts'
import { openRecord } from '../journal.ts'
import type { WipeKinds } from '../schema.ts'

/** Gives a drive back the sectors that a host protected area or a configuration overlay hides. */
export async function restoreSize(params: WipeKinds['restore-size'], ctx: StepContext): Promise<StepOutcome> {
  const { disk, native, dco } = params
  const wrong = await mistaken(disk, ctx)
  if (wrong !== undefined) return { verdict: 'failed', reason: wrong, evidence: {} }
  const record = await openRecord(ctx.stateDir, disk)
  const outcome = await restoreNativeSize(
    disk,
    { native, dco },
    { ...ctx, log: ctx.voice.log, sleep: (ms: number) => sleep(ms, undefined, { signal: ctx.signal }) },
  )
  const now = await readDiskId(disk.name, ctx)
  const evidence = { ...outcome.evidence, from: disk.sizeBytes, to: now?.sizeBytes ?? null }
  if (outcome.state !== 'restored' || now === undefined)
    return { verdict: 'failed', reason: outcome.reason ?? 'the drive keeps hiding sectors', evidence }
  record.data.current = { sizeBytes: now.sizeBytes, sectorBytes: now.sectorBytes }
  await record.save()
  return { verdict: 'passed', evidence }
}
