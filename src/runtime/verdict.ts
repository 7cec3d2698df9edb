import * as z from 'zod'

/** `unknown` is a real answer: what was not proved is never claimed. */
export const verdictSchema = z.enum(['passed', 'failed', 'unknown'])

export type Verdict = z.infer<typeof verdictSchema>

/** The verdict of a whole from its parts: one failure fails it, one unknown leaves it unknown, and no part proves nothing. */
export function combineVerdicts(parts: Iterable<Verdict>): Verdict {
  let count = 0
  let worst: Verdict = 'passed'
  for (const part of parts) {
    count += 1
    if (part === 'failed') return 'failed'
    if (part === 'unknown') worst = 'unknown'
  }
  return count === 0 ? 'unknown' : worst
}
