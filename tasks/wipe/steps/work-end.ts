import type { StepOutcome } from '../../../src/runtime/task.ts'
import type { WorkEnd } from '../../../src/system/disk-io/schema.ts'

/** What it means for a step that the work on a disk did not come to its end. */
export function notDone(end: Exclude<WorkEnd<unknown>, { state: 'done' }>): StepOutcome {
  const { state, reason } = end
  const evidence = {
    end: state,
    ...('at' in end ? { at: end.at } : {}),
    ...('killed' in end ? { killed: end.killed } : {}),
  }
  // A disk that hangs may still hold everything or nothing; the others have told that it was not done.
  return { verdict: state === 'stalled' ? 'unknown' : 'failed', reason, evidence }
}
