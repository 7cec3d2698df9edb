import { explainInLine, SpeedisoError } from '../errors.ts'
import { formatDuration } from '../job/duration.ts'
import type { Emit } from './events.ts'
import { createVoice } from './progress.ts'
import type { StepReport } from './report.ts'
import type { AnyTask, FinishedStep, Step, StepOutcome, WorkContext } from './task.ts'

/** What ends a task from outside: the reason is for people. */
export class Cancelled extends SpeedisoError {
  override readonly code: string = 'cancelled'
}

export interface RanStep extends FinishedStep {
  report: StepReport
}

/** After a cancelled step's signal it has this long to end its children and say so, in milliseconds. */
const GRACE = 5000

/** Runs one step to an outcome; whatever it throws becomes a verdict. */
export async function runStep(task: AnyTask, step: Step, ctx: WorkContext, emit: Emit): Promise<RanStep> {
  const { clock } = ctx
  const started = clock.now()
  const from = clock.monotonic()
  emit({
    kind: 'step.start',
    task: task.name,
    step: step.id,
    title: step.title,
    ...(step.target === undefined ? {} : { target: { ...step.target } }),
  })
  const outcome = proved(await attempt(task, step, ctx, emit))
  const seconds = (clock.monotonic() - from) / 1000
  const { verdict, reason, evidence } = outcome
  const said = reason === undefined ? {} : { reason }
  emit({ kind: 'step.end', task: task.name, step: step.id, verdict, ...said, seconds, evidence })
  const times = {
    started: new Date(started).toISOString(),
    ended: new Date(clock.now()).toISOString(),
    seconds,
  }
  return { step, outcome, report: { ...describeStep(step), verdict, ...said, evidence, ...times } }
}

/** A step that is not run, with why: nothing is claimed of it. */
export function skipStep(step: Step, reason: string, now: number): RanStep {
  const time = new Date(now).toISOString()
  const outcome: StepOutcome = { verdict: 'unknown', reason, evidence: {} }
  return {
    step,
    outcome,
    report: {
      ...describeStep(step),
      verdict: 'unknown',
      reason,
      evidence: {},
      started: time,
      ended: time,
      seconds: 0,
    },
  }
}

function describeStep(step: Step): Pick<StepReport, 'id' | 'kind' | 'title' | 'target'> {
  const { id, kind, title, target } = step
  return { id, kind, title, ...(target === undefined ? {} : { target: { ...target } }) }
}

async function attempt(task: AnyTask, step: Step, ctx: WorkContext, emit: Emit): Promise<StepOutcome> {
  const run = task.runners[step.kind]
  if (run === undefined) return { verdict: 'failed', reason: `no runner for ${step.kind}`, evidence: {} }
  try {
    const voice = createVoice(task.name, step.id, emit, ctx.clock)
    const outcome = await orAbandon(run(step, { ...ctx, voice }), ctx.signal)
    // An outcome that comes after the end was called proves nothing about the time that the step was given.
    return ctx.signal.aborted ? { ...outcome, verdict: 'failed', reason: cancelReason(ctx.signal) } : outcome
  } catch (error) {
    const reason = ctx.signal.aborted ? cancelReason(ctx.signal) : explainInLine(error)
    return { verdict: 'failed', reason, evidence: { error: errorFacts(error) } }
  }
}

/** `passed` needs evidence, everything else a reason. */
function proved(outcome: StepOutcome): StepOutcome {
  if (outcome.verdict === 'passed' && Object.keys(outcome.evidence).length === 0) {
    return { ...outcome, verdict: 'unknown', reason: 'the step gave no evidence' }
  }
  if (outcome.verdict !== 'passed' && outcome.reason === undefined)
    return { ...outcome, reason: 'no reason given' }
  return outcome
}

/** Why a task was ended from outside. */
export function cancelReason(signal: AbortSignal): string {
  const { reason } = signal
  return reason instanceof Error ? reason.message : 'cancelled'
}

/** The work's own end, or a rejection when it should have ended by the signal and has not, a while later. */
export async function orAbandon<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const stuck = Promise.withResolvers<never>()
  let timer: NodeJS.Timeout | undefined
  const cancelled = () => {
    timer = setTimeout(
      () => stuck.reject(new Cancelled(`did not end within ${formatDuration(GRACE)} of being told to`)),
      GRACE,
    )
  }
  if (signal.aborted) cancelled()
  else signal.addEventListener('abort', cancelled, { once: true })
  try {
    return await Promise.race([work, stuck.promise])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', cancelled)
  }
}

function errorFacts(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) }
  const facts = error instanceof SpeedisoError ? { code: error.code, hint: error.hint, ...error.facts } : {}
  return {
    name: error.name,
    message: error.message,
    ...facts,
    ...(error.cause === undefined ? {} : { cause: errorFacts(error.cause) }),
  }
}
