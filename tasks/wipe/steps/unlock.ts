import type { StepContext, StepOutcome } from '../../../src/runtime/task.ts'
import { readSecurity, takePasswordOff } from '../../../src/system/drive/ata/password.ts'
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
  const state = await readSecurity(disk.path, deps)
  const ours = record.data.passwordSet
  if (state?.locked === false && !ours) {
    // Open, it can be erased by other means.
    const later = 'it locks the drive from the next power-on'
    ctx.voice.log('warning', `${disk.path}: its ATA password is not ours and stays: ${later}`)
    return { verdict: 'passed', evidence }
  }
  const reason =
    state === undefined
      ? 'its security state cannot be read'
      : ours
        ? 'its ATA password speediso, of an interrupted erase, does not come off: take it off with hdparm'
        : 'locked by an ATA password that is not ours: unlock it with hdparm, or destroy it'
  return { verdict: 'failed', reason, evidence }
}
