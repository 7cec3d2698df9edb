import { explainInLine, InputError } from '../errors.ts'
import { formatDuration } from '../job/duration.ts'
import type { TaskRequest } from '../job/schema.ts'
import type { Emit } from './events.ts'
import type { TaskReport } from './report.ts'
import { Cancelled, cancelReason, orAbandon, type RanStep, runStep, skipStep } from './run-step.ts'
import type { AnyTask, Plan, Step, WorkContext } from './task.ts'
import { createTaskProgress } from './task-progress.ts'
import { combineVerdicts, type Verdict } from './verdict.ts'

/** Runs one task: facts, plan, steps, verdict. Never throws. */
export async function runTask(
  task: AnyTask,
  request: TaskRequest,
  ctx: WorkContext,
  emit: Emit,
): Promise<TaskReport> {
  const { clock } = ctx
  const started = clock.now()
  const from = clock.monotonic()
  const limit = new AbortController()
  const timer = setTimeout(() => {
    limit.abort(new Cancelled(`did not end within ${formatDuration(request.timeout)}`))
  }, request.timeout)
  const within = { ...ctx, signal: AbortSignal.any([ctx.signal, limit.signal]) }

  let facts: unknown = null
  let ran: RanStep[] = []
  let result: unknown = null
  let verdict: Verdict
  let reason: string | undefined
  let announced = false
  let badInput = false
  const announce = (steps: number) => {
    emit({ kind: 'task.start', task: task.name, steps, timeout: request.timeout })
    announced = true
  }
  try {
    facts = await orAbandon(task.readFacts(within), within.signal)
    const plan = checkPlan(task.plan(facts, request.options))
    announce(plan.steps.length)
    ran = await runSteps(task, plan, within, createTaskProgress(task.name, plan, emit, clock))
    verdict = combineVerdicts(ran.map(({ outcome }) => outcome.verdict))
    reason = plan.steps.length === 0 ? 'the plan has no step' : reasonOf(ran, verdict)
    if (within.signal.aborted && verdict !== 'passed') {
      verdict = 'failed'
      reason = cancelReason(within.signal)
    }
    const end = { options: request.options, ctx: within, verdict, reason }
    result = (await task.result?.(ran, facts, end)) ?? null
    const judged = task.judge?.(result)
    if (judged !== undefined && combineVerdicts([verdict, judged.verdict]) !== verdict) {
      verdict = judged.verdict
      reason = [judged.reason ?? 'its result does not prove it', reason].filter(Boolean).join('; ')
    }
  } catch (error) {
    verdict = 'failed'
    reason = explainInLine(error)
    badInput = error instanceof InputError && ran.length === 0
    if (!announced) announce(0)
  } finally {
    clearTimeout(timer)
  }
  const seconds = (clock.monotonic() - from) / 1000
  const said = reason === undefined ? {} : { reason }
  emit({ kind: 'task.end', task: task.name, verdict, ...said, seconds })
  return {
    task: task.name,
    verdict,
    ...said,
    ...(badInput ? { bad_input: true as const } : {}),
    facts,
    steps: ran.map(({ report }) => report),
    result,
    started: new Date(started).toISOString(),
    ended: new Date(clock.now()).toISOString(),
    seconds,
  }
}

function checkPlan(plan: Plan): Plan {
  const ids = new Set<string>()
  for (const { id, needs = [] } of plan.steps) {
    if (ids.has(id)) throw new Error(`the plan has two steps ${id}`)
    // Only what stands above can be waited for: so no two steps ever wait for each other.
    const missing = needs.find((need) => !ids.has(need))
    if (missing !== undefined)
      throw new Error(`step ${id} needs ${missing}, which is not above it in the plan`)
    ids.add(id)
  }
  return plan
}

/**
 * Lanes run beside each other; in a lane nothing is run after a step that failed, and nowhere a step whose needs have
 * not passed. Reports keep the plan's order.
 */
async function runSteps(task: AnyTask, plan: Plan, ctx: WorkContext, emit: Emit): Promise<RanStep[]> {
  const steps = plan.steps as Step[]
  const ended = new Map(steps.map(({ id }) => [id, Promise.withResolvers<RanStep>()]))
  const lanes = Map.groupBy(steps, (step) => step.lane ?? 'main')
  const ran = await Promise.all(
    [...lanes.values()].map(async (lane) => {
      let failed: Step | undefined
      for (const step of lane) {
        const needs = await Promise.all((step.needs ?? []).map((id) => ended.get(id)?.promise))
        const unmet = needs.find((need) => need?.outcome.verdict !== 'passed')
        const why = whyNot(failed, unmet, ctx.signal)
        const done =
          why === undefined ? await runStep(task, step, ctx, emit) : skipStep(step, why, ctx.clock.now())
        ended.get(step.id)?.resolve(done)
        if (done.outcome.verdict === 'failed') failed ??= step
      }
    }),
  ).then(() => Promise.all(steps.map(({ id }) => ended.get(id)?.promise)))
  return ran.filter((done) => done !== undefined)
}

function whyNot(
  failed: Step | undefined,
  unmet: RanStep | undefined,
  signal: AbortSignal,
): string | undefined {
  if (failed !== undefined) return `not run: "${failed.title}" failed`
  if (unmet !== undefined) {
    const { step, outcome } = unmet
    return `not run: "${step.title}" ${outcome.verdict === 'failed' ? 'failed' : 'is unknown'}`
  }
  return signal.aborted ? `not run: ${cancelReason(signal)}` : undefined
}

/** The reasons of the steps that gave the verdict, the first few of them. */
function reasonOf(ran: readonly RanStep[], verdict: Verdict): string | undefined {
  if (verdict === 'passed') return undefined
  const reasons = ran
    .filter(({ outcome }) => outcome.verdict === verdict)
    .map(({ step, outcome }) => `${step.title}: ${outcome.reason}`)
  const shown = reasons.slice(0, 3).join('; ')
  return reasons.length > 3 ? `${shown}; and ${reasons.length - 3} more` : shown
}
