import { explainInLine } from '../../errors.ts'
import { combineVerdicts, type Verdict } from '../../runtime/verdict.ts'
import type { Clock } from '../../system/clock.ts'
import type { Exec } from '../../system/exec.ts'
import { findChecks, type HealthCheck, type HealthFolder } from './checks.ts'
import { type CheckResult, runCheck } from './run-check.ts'

export interface HealthOptions {
  folder: string
  /** Milliseconds for one run of one check. */
  limit: number
  /** Milliseconds from now on until all have to have passed. */
  deadline: number
  /** Milliseconds of the pauses between two rounds: the first, and the longest; each is twice the one before. */
  pause: { first: number; longest: number }
  /** Only one round, whatever it shows. */
  once?: boolean
}

export const HEALTH_DEFAULTS = { limit: 30_000, pause: { first: 1000, longest: 30_000 } } as const

export interface HealthDeps {
  exec: Exec
  clock: Clock
  signal: AbortSignal
  /** Ends early, without an error, when the signal is aborted. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>
  /** Checks that speediso makes itself, before those of the folder. */
  own?: readonly OwnCheck[]
  /** Told after each round. */
  onRound?(round: HealthRound): void
}

/** A check that is no program of the folder. */
export interface OwnCheck {
  name: string
  run(runs: number, limit: number): Promise<CheckResult>
}

export interface HealthRound {
  verdict: Verdict
  checks: readonly CheckResult[]
  skipped: HealthFolder['skipped']
  /** For people, one line: what keeps this host from being well, or what shows that it is. */
  reason: string
}

export interface Health extends HealthRound {
  rounds: number
  seconds: number
}

/**
 * Runs all checks, over and over, until all of them pass in one round, the deadline comes, or the signal is aborted, which
 * proves nothing. The last round counts. A check that runs at the deadline is ended there.
 */
export async function runHealth(options: HealthOptions, deps: HealthDeps): Promise<Health> {
  const { clock, signal, sleep } = deps
  const start = clock.monotonic()
  const left = () => options.deadline - (clock.monotonic() - start)
  let pause = options.pause.first
  for (let rounds = 1; ; rounds += 1) {
    const round = await runRound(rounds, options, left, deps)
    deps.onRound?.(round)
    const seconds = Math.round(clock.monotonic() - start) / 1000
    const last = options.once === true || signal.aborted || left() <= 0
    if (round.verdict === 'passed' || last) return { ...round, rounds, seconds }
    await sleep(Math.min(pause, Math.max(left(), 0)), signal)
    pause = Math.min(pause * 2, options.pause.longest)
    // What was true before the pause is not asked again without any time to answer.
    if (signal.aborted || left() <= 0) {
      const verdict = signal.aborted ? 'unknown' : round.verdict
      return { ...round, verdict, rounds, seconds: Math.round(clock.monotonic() - start) / 1000 }
    }
  }
}

async function runRound(
  runs: number,
  { folder, limit }: HealthOptions,
  left: () => number,
  deps: HealthDeps,
): Promise<HealthRound> {
  const found = await findChecks(folder).catch((error: unknown) => explainInLine(error))
  if (typeof found === 'string')
    return { verdict: 'unknown', checks: [], skipped: [], reason: `${folder} cannot be read: ${found}` }
  const checks: CheckResult[] = []
  // One after the other: a check may rest on what the one before has shown, and a booting host is busy enough.
  for (const own of deps.own ?? []) checks.push(await own.run(runs, timeFor(limit, left())))
  for (const check of found.checks) checks.push(await runCheck(check, runs, timeFor(limit, left()), deps))
  return judge(checks, found.checks, found.skipped, deps.signal.aborted)
}

/** Even past the deadline each has a moment, so that all of them are told of. */
function timeFor(limit: number, left: number): number {
  return Math.max(100, Math.min(limit, left))
}

function judge(
  checks: readonly CheckResult[],
  files: readonly HealthCheck[],
  skipped: HealthFolder['skipped'],
  aborted: boolean,
): HealthRound {
  const verdict = aborted
    ? 'unknown'
    : checks.length === 0
      ? 'passed'
      : combineVerdicts(checks.map((each) => each.verdict))
  const doubts = checks.filter((check) => check.verdict !== 'passed')
  const names = doubts.map(({ name, reason }) => `${name}: ${reason}`).join('; ')
  const none = files.length === 0 ? 'no health check is there' : `all ${checks.length} checks passed`
  const left =
    skipped.length === 0 ? '' : ` (not run: ${skipped.map(({ name, why }) => `${name} ${why}`).join(', ')})`
  return {
    verdict,
    checks,
    skipped,
    reason: `${verdict === 'passed' ? none : names || 'was cancelled'}${left}`,
  }
}
