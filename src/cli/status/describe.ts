import { formatDuration } from '../../job/duration.ts'
import { percentOf } from '../../live/page/model/percent.ts'
import { amount } from '../../live/page/model/units.ts'
import type { Progress, StepView, TaskView } from '../../live/page/model/view.ts'
import type { Status } from './read.ts'

/** The status for people, what matters most first. `now` is in milliseconds since the epoch. */
export function describeStatus(status: Status, now: number): string[] {
  const { view, host, live, report, unreadable } = status
  return [
    `host ${host ?? 'unknown'}`,
    `job: ${describeJob(status, now)}`,
    ...view.tasks.flatMap((task) => describeTask(task, status)),
    ...view.problems.map((problem) => `error: ${problem}`),
    ...(report === undefined ? [] : [`report: ${report}`]),
    ...describeDelivery(status),
    ...(live === undefined
      ? []
      : [
          `live log: ${live.url.replace(/^ws/, 'http')}#token=${live.token}${live.fingerprint === undefined ? '' : `&fingerprint=${live.fingerprint}`}`,
        ]),
    ...unreadable,
    ...(view.time === undefined ? [] : [`last event: number ${view.last}, ${ago(view.time, now)}`]),
  ]
}

function describeJob({ state, view: { job, tasks }, holder }: Status, now: number): string {
  const names = tasks.length === 0 ? 'no task, plain live system' : tasks.map(({ name }) => name).join(', ')
  const pid = holder === undefined ? '' : ` (process ${holder.pid})`
  switch (state) {
    case 'waiting':
      return `has not begun yet${pid}`
    case 'running':
      return `RUNNING: ${names}; started ${ago(job.started, now)}${pid}`
    case 'died': {
      const when = job.started === undefined ? 'before the job began' : 'in the middle of the job'
      return `UNKNOWN: speediso was ended ${when}${pid}; nothing is running`
    }
    case 'ended': {
      // That of a task is told with the task.
      const told = tasks.some(({ name, reason }) => job.reason === `${name}: ${reason}`)
      const reason = job.reason === undefined || told ? '' : ` (${job.reason})`
      const verdict = job.state === 'none' ? 'nothing was asked' : job.state.toUpperCase()
      return `${verdict}${reason}, ended ${ago(job.ended, now)}; then ${job.after}`
    }
  }
}

function describeTask(
  { name, state, reason, seconds, planned, steps }: TaskView,
  { state: job }: Status,
): string[] {
  if (state !== 'running') {
    const took = seconds === undefined ? '' : ` in ${formatDuration(seconds * 1000)}`
    const why = reason === undefined ? '' : ` (${reason})`
    return [`  ${name}: ${state === 'waiting' ? 'not started' : `${state.toUpperCase()}${took}${why}`}`]
  }
  const open = steps.filter((step) => step.state === 'running')
  const doubts = steps.filter((step) => step.state === 'failed' || step.state === 'unknown')
  const how = job === 'died' ? 'was running' : 'running'
  return [
    `  ${name}: ${how}, ${steps.length - open.length} of ${planned} steps ended`,
    ...doubts.map(
      ({ title, state, reason }) =>
        `    ${title}: ${state.toUpperCase()}${reason === undefined ? '' : ` (${reason})`}`,
    ),
    ...open.map((step) => `    ${how}: ${describeStep(step)}`),
  ]
}

function describeStep({ title, target, progress }: StepView): string {
  const { path, serial } = target ?? {}
  const on = path === undefined ? '' : ` on ${path}${serial === undefined ? '' : ` (serial ${serial})`}`
  return `${title}${on}${progress === undefined ? '' : `: ${describeProgress(progress)}`}`
}

function describeProgress(progress: Progress): string {
  const { done, total, unit, rate, eta } = progress
  const percent = percentOf(progress)
  return [
    ...(percent === undefined ? [] : [`${percent.toFixed(1)} %`]),
    `${amount(done, unit)} of ${amount(total, unit)}`,
    ...(rate === null ? [] : [`${amount(rate, unit)}/s`]),
    ...(eta === null ? [] : [`${formatDuration(Math.ceil(eta) * 1000)} left`]),
  ].join(', ')
}

function describeDelivery({ delivery }: Status): string[] {
  const lines: string[] = []
  for (const [what, sent] of [
    ['report', delivery?.report],
    ['Foreman', delivery?.foreman],
  ] as const) {
    if (sent === null || sent === undefined) continue
    const error = sent.last_error === null ? '' : ` (${sent.last_error})`
    lines.push(`${what} to ${sent.url}: ${sent.state}${error}`)
  }
  if (typeof delivery?.held === 'string') lines.push(`${delivery.held} waits for that`)
  return lines
}

/** `12s ago`; a clock that was set since may make it negative: then the time itself. */
function ago(time: string | undefined, now: number): string {
  const seconds = Math.floor((now - Date.parse(time ?? '')) / 1000)
  if (!(seconds >= 0)) return time ?? 'unknown'
  return seconds === 0 ? 'just now' : `${formatDuration(seconds * 1000)} ago`
}
