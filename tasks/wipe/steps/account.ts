import type { StepOutcome } from '../../../src/runtime/task.ts'
import type { WipeKinds } from '../schema.ts'

/** A disk that was asked for and is not touched: so it was not erased. */
export async function refuse({ disk, reason, hint }: WipeKinds['refuse']): Promise<StepOutcome> {
  const why = hint === undefined ? reason : `${reason}; ${hint}`
  return { verdict: 'failed', reason: `not erased: ${why}`, evidence: { disk, reason } }
}

/** Every disk was asked for, and nobody can say that these are all. */
export async function account({ unseen }: WipeKinds['account']): Promise<StepOutcome> {
  return {
    verdict: 'unknown',
    reason: `there may be further disks: ${unseen.join('; ')}`,
    evidence: { unseen },
  }
}
