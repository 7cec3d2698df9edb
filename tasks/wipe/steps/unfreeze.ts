import { SpeedisoError } from '../../../src/errors.ts'
import type { StepContext, StepOutcome } from '../../../src/runtime/task.ts'
import { readIdentify, readSanitizeStatus } from '../../../src/system/drive/ata/hdparm.ts'
import { unfreeze as suspendOnce } from '../../../src/system/drive/ata/unfreeze.ts'
import { knownValue } from '../../../src/system/finding.ts'
import { mistaken } from '../identify.ts'
import type { DiskId, WipeKinds } from '../schema.ts'
import { firmwareDeps } from './firmware-deps.ts'

/**
 * Suspends the machine once for all drives that its firmware froze. Passes even if they stay so: their erases are rejected
 * by themselves then, and the other drives go on.
 */
export async function unfreeze({ disks }: WipeKinds['unfreeze'], ctx: StepContext): Promise<StepOutcome> {
  const deps = firmwareDeps(ctx, [], { stall: 0, suspend: true })
  const before = await frozenOf(disks, ctx)
  if (before.length === 0) return { verdict: 'passed', evidence: { suspended: false, stillFrozen: [] } }
  let still = before
  const end = await suspendOnce(deps, async () => {
    still = await frozenOf(before, ctx)
    return still.length === 0
  })
  const stillFrozen = end.freed ? [] : still.map(({ path }) => path)
  const evidence = { suspended: true, before: before.map(({ path }) => path), stillFrozen }
  if (end.freed) return { verdict: 'passed', evidence }
  ctx.voice.log('warning', `${stillFrozen.join(', ')}: still frozen: ${end.reason}`)
  return { verdict: 'passed', evidence: { ...evidence, why: end.reason } }
}

/** Those that state it, and those that do not answer: they may be coming up again. */
async function frozenOf(disks: readonly DiskId[], ctx: StepContext): Promise<DiskId[]> {
  const frozen: DiskId[] = []
  for (const disk of disks) if (await isFrozen(disk, ctx)) frozen.push(disk)
  return frozen
}

async function isFrozen(disk: DiskId, ctx: StepContext): Promise<boolean> {
  try {
    // One that comes back as another disk is refused by its own steps.
    if ((await mistaken(disk, ctx)) !== undefined) return true
    const identify = knownValue(await readIdentify(ctx, disk.path))
    if (identify === undefined || identify.security.frozen) return true
    return knownValue(await readSanitizeStatus(ctx, disk.path))?.state === 'frozen'
  } catch (error) {
    if (!(error instanceof SpeedisoError)) throw error
    return true
  }
}
