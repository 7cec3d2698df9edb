import { CommandError, explainInLine, ToolMissingError } from '../../errors.ts'
import type { Verdict } from '../../runtime/verdict.ts'
import type { Clock } from '../../system/clock.ts'
import type { Exec } from '../../system/exec.ts'
import type { HealthCheck } from './checks.ts'

export interface CheckResult {
  name: string
  /** `unknown`: it was cancelled. */
  verdict: Verdict
  /** The last line of its output; without any, or when it did not end by itself, how it ended. */
  reason: string
  /** Of its last run. */
  seconds: number
  /** Times that it was run. */
  runs: number
  /** The end of its output. */
  output: string
}

/** Characters of a check's output that are kept. */
const OUTPUT_KEPT = 2000
/** Characters of a reason. */
const REASON_KEPT = 300

/** Runs one check. It passes only when it ends by itself, with exit code 0, in its time. Never throws. */
export async function runCheck(
  { name, path }: HealthCheck,
  runs: number,
  limit: number,
  { exec, clock, signal }: { exec: Exec; clock: Clock; signal: AbortSignal },
): Promise<CheckResult> {
  const start = clock.monotonic()
  const result = (verdict: Verdict, how: string, output: string): CheckResult => ({
    name,
    verdict,
    reason: (how || lastLine(output) || 'said nothing').slice(0, REASON_KEPT),
    seconds: Math.round(clock.monotonic() - start) / 1000,
    runs,
    output: output.slice(-OUTPUT_KEPT),
  })
  try {
    const { stdout, stderr } = await exec(path, [], { timeout: limit, signal, cwd: '/' })
    return result('passed', '', joined(stderr, stdout))
  } catch (error) {
    if (signal.aborted) return result('unknown', 'was cancelled', '')
    if (error instanceof ToolMissingError)
      return result('failed', 'it, or the interpreter that it names, is missing', '')
    if (!(error instanceof CommandError)) return result('failed', explainInLine(error), '')
    const { stdout, stderr, exitCode, timedOut } = error.facts
    const output = joined(text(stderr), text(stdout))
    if (timedOut === true) return result('failed', `did not end within ${limit / 1000} s`, output)
    if (typeof exitCode !== 'number') return result('failed', explainInLine(error), output)
    return result('failed', lastLine(output) || `ended with exit code ${exitCode}`, output)
  }
}

/** What it says is told by stdout; stderr only when there is nothing else. */
function joined(stderr: string, stdout: string): string {
  return [stderr, stdout]
    .map((each) => each.trim())
    .filter((each) => each !== '')
    .join('\n')
}

function lastLine(output: string): string {
  return output.split('\n').at(-1)?.trim() ?? ''
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
