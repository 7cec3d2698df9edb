import { explainInLine, SpeedisoError } from '../../../src/errors.ts'
import type { StepContext, StepOutcome } from '../../../src/runtime/task.ts'
import type { EraseDeps } from '../../../src/system/drive/deps.ts'
import { attachToRunning, eraseByFirmware } from '../../../src/system/drive/erase.ts'
import { awaitKernelSize } from '../../../src/system/drive/kernel-size.ts'
import { mistaken, readDiskId } from '../identify.ts'
import { openRecord } from '../journal.ts'
import type { WipeKinds } from '../schema.ts'
import { firmwareDeps } from './firmware-deps.ts'

/** FORMAT UNIT to sectors that the system can read and write; proves nothing of the data. */
export async function reformat(params: WipeKinds['reformat'], ctx: StepContext): Promise<StepOutcome> {
  const { disk, fromBytes, attach, stall, capabilities } = params
  const wrong = await mistaken(disk, ctx)
  if (wrong !== undefined) return { verdict: 'failed', reason: wrong, evidence: {} }
  const record = await openRecord(ctx.stateDir, disk)
  const deps = firmwareDeps(ctx, [record], { stall, suspend: false })
  const target = { disks: [disk], capabilities }
  const outcome = await (attach
    ? attachToRunning('scsi-format', target, deps)
    : eraseByFirmware('scsi-format', target, deps))
  // Nothing else makes the kernel look at the capacity of a drive that it could not use before.
  const size = outcome.state === 'done' ? await kernelSize(disk.name, deps) : undefined
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
  if (now === undefined || now.sizeBytes === 0 || size !== undefined) {
    const why = size === undefined ? '' : `: ${size}`
    return { verdict: 'failed', reason: `the kernel does not see its size${why}`, evidence }
  }
  const { sectorBytes } = now
  if (sectorBytes === 0 || sectorBytes % 512 !== 0 || sectorBytes === fromBytes)
    return { verdict: 'failed', reason: `its sectors have ${sectorBytes} bytes after the format`, evidence }
  record.data.current = { sizeBytes: now.sizeBytes, sectorBytes: now.sectorBytes }
  await record.save()
  return { verdict: 'passed', evidence }
}

/** Why the kernel has no size of it; undefined: it has one. */
async function kernelSize(name: string, deps: EraseDeps): Promise<string | undefined> {
  try {
    return (await awaitKernelSize(name, deps)) ? undefined : 'none after a rescan'
  } catch (error) {
    if (!(error instanceof SpeedisoError)) throw error
    return explainInLine(error)
  }
}
