import { explainInLine } from '../errors.ts'
import { formatDuration } from '../job/duration.ts'
import type { TaskRequest } from '../job/schema.ts'
import type { Emit } from './events.ts'
import type { TaskReport } from './report.ts'
import { Cancelled, cancelReason, orAbandon, type RanStep, runStep, skipStep } from './run-step.ts'
import type { AnyTask, Plan, Step, TaskContext } from './task.ts'
import { combineVerdicts, type Verdict } from './verdict.ts'

/** Runs one task: facts, plan, steps, verdict. Never throws. */
export async function runTask(
  task: AnyTask,
  request: TaskRequest,
  ctx: TaskContext,
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
  const announce = (steps: number) => {
    emit({ kind: 'task.start', task: task.name, steps, timeout: request.timeout })
    announced = true
  }
  try {
    facts = await orAbandon(task.readFacts(within), within.signal)
    const plan = checkPlan(task.plan(facts, request.options))
    announce(plan.steps.length)
    ran = await runLanes(task, plan, within, emit)
    result = task.result?.(ran, facts) ?? null
    verdict = combineVerdicts(ran.map(({ outcome }) => outcome.verdict))
    reason = plan.steps.length === 0 ? 'the plan has no step' : reasonOf(ran, verdict)
    if (within.signal.aborted && verdict !== 'passed') {
      verdict = 'failed'
      reason = cancelReason(within.signal)
    }
  } catch (error) {
    verdict = 'failed'
    reason = explainInLine(error)
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
    facts,
    steps: ran.map(({ report }) => report),
    result,
    started: new Date(started).toISOString(),
    ended: new Date(clock.now()).toISOString(),
    seconds,
  }
}

function checkPlan(plan: Plan): Plan {
  const ids = new Set(plan.steps.map((step) => step.id))
  if (ids.size !== plan.steps.length) throw new Error('the plan has two steps of the same id')
  return plan
}

/** Lanes run beside each other; in a lane nothing is run after a step that failed. Reports keep the plan's order. */
async function runLanes(task: AnyTask, plan: Plan, ctx: TaskContext, emit: Emit): Promise<RanStep[]> {
  const lanes = Map.groupBy(plan.steps as Step[], (step) => step.lane ?? 'main')
  const ran = new Map<string, RanStep>()
  await Promise.all(
    [...lanes.values()].map(async (steps) => {
      let failed: Step | undefined
      for (const step of steps) {
        const why =
          failed !== undefined
            ? `not run: "${failed.title}" failed`
            : ctx.signal.aborted
              ? `not run: ${cancelReason(ctx.signal)}`
              : ''
        const done = why === '' ? await runStep(task, step, ctx, emit) : skipStep(step, why, ctx.clock.now())
        ran.set(step.id, done)
        if (done.outcome.verdict === 'failed') failed ??= step
      }
    }),
  )
  return plan.steps.map((step) => ran.get(step.id)).filter((done) => done !== undefined)
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
