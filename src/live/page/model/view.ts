import type { Event } from '../../../runtime/events.ts'
import type { Verdict } from '../../../runtime/verdict.ts'

/** A verdict, or why there is none yet; `none`: nothing was asked. */
export type State = 'waiting' | 'running' | 'none' | Verdict

export type Progress = Pick<
  Extract<Event, { kind: 'step.progress' }>,
  'done' | 'total' | 'unit' | 'rate' | 'eta'
>
export type Reading = Pick<Extract<Event, { kind: 'reading' }>, 'value' | 'unit'>

export interface StepView {
  readonly id: string
  readonly title: string
  readonly target: Readonly<Record<string, unknown>> | undefined
  readonly state: State
  readonly progress: Progress | undefined
  readonly readings: Readonly<Record<string, Reading>>
  readonly reason: string | undefined
  readonly seconds: number | undefined
  readonly evidence: Readonly<Record<string, unknown>> | undefined
}

export interface TaskView {
  readonly name: string
  readonly state: State
  readonly reason: string | undefined
  readonly seconds: number | undefined
  /** Steps of its plan; those that are not run never show up among `steps`. */
  readonly planned: number
  /** Seconds until its end; null: not known. */
  readonly eta: number | null
  readonly steps: readonly StepView[]
}

export interface JobView {
  readonly state: State
  readonly reason: string | undefined
  readonly after: string | undefined
  readonly commandLine: string | undefined
  /** Times of the host's clock. */
  readonly started: string | undefined
  readonly ended: string | undefined
}

/** What the events up to `last` say, without the lines of the log. */
export interface View {
  /** Number of the last event. */
  readonly last: number
  /** Time of the last event. */
  readonly time: string | undefined
  /** Events that are proved to have been and were not seen. */
  readonly missing: number
  readonly job: JobView
  readonly tasks: readonly TaskView[]
  /** Errors that belong to no task, each once, newest last. */
  readonly problems: readonly string[]
}

export const NOTHING: View = {
  last: 0,
  time: undefined,
  missing: 0,
  job: {
    state: 'waiting',
    reason: undefined,
    after: undefined,
    commandLine: undefined,
    started: undefined,
    ended: undefined,
  },
  tasks: [],
  problems: [],
}

/** More than these tell nobody anything; the log has all. */
const PROBLEMS = 20
const READINGS = 12

/** What is still open when the whole around it has ended. */
const NO_END = 'its end was never told'

/** One event more. An event that was seen before changes nothing; a kind that is not known only counts. */
export function reduce(view: View, event: Event): View {
  if (event.seq <= view.last) return view
  const missing = view.missing + event.seq - view.last - 1
  return { ...applied(view, event), last: event.seq, time: event.time, missing }
}

function applied(view: View, event: Event): View {
  switch (event.kind) {
    case 'job.start': {
      const job = { ...NOTHING.job, state: 'running', commandLine: event.command_line, started: event.time }
      return { ...view, job: job as JobView, tasks: event.tasks.map((name) => waiting(name)) }
    }
    case 'job.end': {
      const { verdict, reason, after, time } = event
      const job = { ...view.job, state: verdict ?? 'none', reason, after, ended: time } as const
      return { ...view, job, tasks: view.tasks.map(closeTask) }
    }
    case 'task.start':
      return startTask(view, event.task, event.steps)
    case 'task.progress':
      return withTask(view, event.task, (task) => ({ ...task, eta: event.eta }))
    case 'task.end': {
      const { verdict: state, reason, seconds } = event
      return withTask(view, event.task, (task) => ({ ...closeTask(task), state, reason, seconds }))
    }
    case 'step.start': {
      const step = { ...NO_STEP, id: event.step, title: event.title, target: event.target }
      return withTask(view, event.task, (task) => ({ ...task, steps: [...task.steps, step] }))
    }
    case 'step.progress': {
      const { done, total, unit, rate, eta } = event
      return withStep(view, event, (step) => ({ ...step, progress: { done, total, unit, rate, eta } }))
    }
    case 'step.end': {
      const { verdict: state, reason, seconds, evidence } = event
      return withStep(view, event, (step) => ({ ...step, state, reason, seconds, evidence }))
    }
    case 'reading': {
      const { task, step, name, value, unit } = event
      if (task === undefined || step === undefined) return view
      return withStep(view, { task, step }, (old) => {
        if (!Object.hasOwn(old.readings, name) && Object.keys(old.readings).length >= READINGS) return old
        return { ...old, readings: { ...old.readings, [name]: { value, unit } } }
      })
    }
    case 'log': {
      if (event.level !== 'error' || event.task !== undefined) return view
      const others = view.problems.filter((problem) => problem !== event.message)
      return { ...view, problems: [...others, event.message].slice(-PROBLEMS) }
    }
    default:
      return view
  }
}

const NO_STEP: StepView = {
  id: '',
  title: '',
  target: undefined,
  state: 'running',
  progress: undefined,
  readings: {},
  reason: undefined,
  seconds: undefined,
  evidence: undefined,
}

function waiting(name: string): TaskView {
  return { name, state: 'waiting', reason: undefined, seconds: undefined, planned: 0, eta: null, steps: [] }
}

/**
 * The first task of this name that has not begun; one that nobody announced is put last. One that was running was left
 * by a process that is gone: this start is its own again.
 */
function startTask(view: View, name: string, planned: number): View {
  const started: TaskView = { ...waiting(name), state: 'running', planned }
  const at = (state: State) => view.tasks.findIndex((task) => task.name === name && task.state === state)
  const index = at('running') < 0 ? at('waiting') : at('running')
  return { ...view, tasks: index < 0 ? [...view.tasks, started] : view.tasks.with(index, started) }
}

function withTask(view: View, name: string, change: (task: TaskView) => TaskView): View {
  const index = view.tasks.findLastIndex((task) => task.name === name && task.state !== 'waiting')
  const task = view.tasks[index]
  return task === undefined ? view : { ...view, tasks: view.tasks.with(index, change(task)) }
}

function withStep(
  view: View,
  { task, step: id }: { task: string; step: string },
  change: (step: StepView) => StepView,
): View {
  return withTask(view, task, (old) => {
    const index = old.steps.findLastIndex((step) => step.id === id)
    const step = old.steps[index]
    return step === undefined ? old : { ...old, steps: old.steps.with(index, change(step)) }
  })
}

/** Nothing in it goes on running: what has no end is unknown. */
function closeTask(task: TaskView): TaskView {
  if (task.state === 'waiting') return { ...task, state: 'unknown', reason: 'it was not started' }
  const open = task.steps.some((step) => step.state === 'running')
  const steps = open
    ? task.steps.map((step) =>
        step.state === 'running' ? { ...step, state: 'unknown' as const, reason: NO_END } : step,
      )
    : task.steps
  return task.state === 'running' ? { ...task, state: 'unknown', reason: NO_END, steps } : { ...task, steps }
}
