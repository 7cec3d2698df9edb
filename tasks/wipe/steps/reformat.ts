import type { StepContext, StepOutcome } from '../../../src/runtime/task.ts'
import { attachToRunning, eraseByFirmware } from '../../../src/system/drive/erase.ts'
import { mistaken, readDiskId } from '../identify.ts'
import { openRecord } from '../journal.ts'
import type { WipeKinds } from '../schema.ts'
import { firmwareDeps } from './firmware-deps.ts'

/** FORMAT UNIT to sectors that the system can read and write; proves nothing of the data. */
export async function reformat(params: WipeKinds['reformat'], ctx: StepContext): Promise<StepOutcome> {
  const { disk, toBytes, attach, stall, capabilities } = params
  const wrong = await mistaken(disk, ctx)
  if (wrong !== undefined) return { verdict: 'failed', reason: wrong, evidence: {} }
  const record = await openRecord(ctx.stateDir, disk)
  const deps = firmwareDeps(ctx, [record], { stall, suspend: false })
  const target = { disks: [disk], capabilities }
  const outcome = await (attach
    ? attachToRunning('scsi-format', target, deps)
    : eraseByFirmware('scsi-format', target, deps))
  const now = await readDiskId(disk.name, ctx)
  const evidence = {
    ...outcome.evidence,
    sectorBytes: now?.sectorBytes ?? null,
    sizeBytes: now?.sizeBytes ?? null,
  }
  if (outcome.state !== 'done')
    return {
      verdict: outcome.state === 'unknown' ? 'unknown' : 'failed',
      reason: outcome.reason ?? outcome.state,
      evidence,
    }
  if (now?.sectorBytes !== toBytes)
    return { verdict: 'failed', reason: `its sectors have ${now?.sectorBytes ?? 'no'} bytes still`, evidence }
  record.data.current = { sizeBytes: now.sizeBytes, sectorBytes: now.sectorBytes }
  await record.save()
  return { verdict: 'passed', evidence }
}
