import type { StepContext, StepOutcome } from '../../../src/runtime/task.ts'
import { clearSignatures } from '../../../src/system/block/clear-signatures.ts'
import { forgetPartitions } from '../../../src/system/block/stack/forget.ts'
import { writersOf } from '../../../src/system/block/stack/users.ts'
import { mistaken, partitionPaths } from '../identify.ts'
import type { WipeKinds } from '../schema.ts'

/** The quick wipe: the disk looks empty afterwards, and its data is all there. */
export async function clearSignaturesOf(
  { disk }: WipeKinds['clear-signatures'],
  ctx: StepContext,
): Promise<StepOutcome> {
  const wrong = await mistaken(disk, ctx)
  if (wrong !== undefined) return { verdict: 'failed', reason: wrong, evidence: {} }
  const partitions = await partitionPaths(disk.name, ctx)
  const writers = await writersOf(ctx.root, [disk.path, ...partitions])
  if (writers.length > 0)
    return {
      verdict: 'failed',
      reason: `in use: open for writing by ${writers.join(', ')}; end that first`,
      evidence: { writers },
    }
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
