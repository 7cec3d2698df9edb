import type { Outcome } from '../../exit.ts'
import type { CandidateVerdict } from '../../root/schema.ts'
import { type CliContext, printJson, printLine } from '../context.ts'

/** Tells what was found of a candidate that is not staged: refused, or only looked at. */
export function tell(
  verdict: CandidateVerdict,
  { json, plan }: { json: boolean; plan: boolean },
  { stdout }: CliContext,
): Outcome {
  if (json) printJson(stdout, { outcome: verdict.accepted ? 'unchanged' : 'refused', candidate: verdict })
  else if (verdict.accepted) {
    for (const line of verdict.evidence) printLine(stdout, line)
    printLine(stdout, 'it would be taken')
  } else printLine(stdout, `refused: ${verdict.reason}`)
  return verdict.accepted && plan ? 'passed' : 'failed'
}
