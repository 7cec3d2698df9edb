import type { StepContext, StepOutcome } from '../../../src/runtime/task.ts'
import { takePasswordOff } from '../../../src/system/drive/ata/password.ts'
import { mistaken } from '../identify.ts'
import { openRecord } from '../journal.ts'
import type { WipeKinds } from '../schema.ts'
import { firmwareDeps } from './firmware-deps.ts'

/** Takes off the ATA password that an interrupted security erase has left; one of somebody else stays. */
export async function unlock({ disk }: WipeKinds['unlock'], ctx: StepContext): Promise<StepOutcome> {
  const wrong = await mistaken(disk, ctx)
  if (wrong !== undefined) return { verdict: 'failed', reason: wrong, evidence: {} }
  const record = await openRecord(ctx.stateDir, disk)
  const deps = firmwareDeps(ctx, [record], { stall: 0, suspend: false })
  const off = await takePasswordOff(disk.path, deps)
  const evidence = { passwordOff: off }
  if (off) return { verdict: 'passed', evidence }
  return {
    verdict: 'failed',
    reason: 'locked by an ATA password that is not ours: unlock it with hdparm, or destroy it',
    evidence,
  }
}
