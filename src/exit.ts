import { InputError } from './errors.ts'
import type { Verdict } from './runtime/verdict.ts'

/** 0 all passed, 1 a task failed, 2 bad input and nothing was done, 3 outcome unknown. */
export type ExitCode = 0 | 1 | 2 | 3

/** What a command ends with: a verdict, or nothing to judge. */
export type Outcome = Verdict | null

/** The one place where an exit code is decided. */
export function exitCode(end: { outcome: Outcome } | { error: unknown }): ExitCode {
  if ('error' in end) return end.error instanceof InputError ? 2 : 3
  return ({ passed: 0, failed: 1, unknown: 3 } as const)[end.outcome ?? 'passed']
}
