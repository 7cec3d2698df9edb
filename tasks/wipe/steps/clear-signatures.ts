import type { StepContext, StepOutcome } from '../../../src/runtime/task.ts'
import { clearSignatures } from '../../../src/system/block/clear-signatures.ts'
import { readPartitions } from '../../../src/system/block/partitions.ts'
import { forgetPartitions } from '../../../src/system/block/stack/forget.ts'
import { knownValue } from '../../../src/system/finding.ts'
import { mistaken } from '../identify.ts'
import type { WipeKinds } from '../schema.ts'

/** The quick wipe: the disk looks empty afterwards, and its data is all there. */
export async function clearSignaturesOf(
  { disk }: WipeKinds['clear-signatures'],
  ctx: StepContext,
): Promise<StepOutcome> {
  const wrong = await mistaken(disk, ctx)
  if (wrong !== undefined) return { verdict: 'failed', reason: wrong, evidence: {} }
  const partitions =
    knownValue(await readPartitions(ctx.root, disk.name))?.map(({ name }) => `/dev/${name}`) ?? []
  const cleared = await clearSignatures({ ...disk, partitions }, ctx.exec, ctx.signal)
  const forgotten = await forgetPartitions(disk.path, ctx)
  const evidence = { ...cleared, level: 'none', erasesData: false, ...forgotten }
  const left = [...cleared.left, ...forgotten.partitions]
  if (left.length > 0)
    return {
      verdict: 'failed',
      reason: `still found: ${left.join(', ')}`,
      evidence,
    }
  return { verdict: 'passed', evidence }
}
