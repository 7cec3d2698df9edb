import { join } from 'node:path'
import { refusal } from '../job/confirm.ts'
import { formatDuration } from '../job/duration.ts'
import { problemLine } from '../job/explain.ts'
import type { Job, Problem, TaskRequest } from '../job/schema.ts'
import type { HostIdentity } from '../system/identity.ts'
import { afterAction } from './after.ts'
import type { Emit } from './events.ts'
import type { TaskReport } from './report.ts'
import { Cancelled } from './run-step.ts'
import { runTask } from './run-task.ts'
import type { TaskRegistry, WorkContext } from './task.ts'
import { combineVerdicts, type Verdict } from './verdict.ts'

export interface JobDependencies extends Omit<WorkContext, 'stateDir'> {
  registry: TaskRegistry
  identity: HostIdentity
  emit: Emit
  /** Folder of this boot; each task has one of its own below it. */
  dir: string
}

export interface JobOutcome {
  /** Null: nothing was asked. */
  verdict: Verdict | null
  reason?: string
  tasks: TaskReport[]
}

/**
 * Runs the tasks of a job in order. What is asked for and cannot be proved done is never `passed`.
 * @param earlier the reports of its first tasks, when a process before this one had run them: the job goes on after them
 */
export async function runJob(
  job: Job,
  problems: readonly Problem[],
  commandLine: string,
  deps: JobDependencies,
  earlier?: readonly TaskReport[],
): Promise<JobOutcome> {
  const { emit } = deps
  if (earlier === undefined)
    emit({ kind: 'job.start', tasks: job.tasks.map((task) => task.name), command_line: commandLine })
  for (const problem of problems) emit({ kind: 'log', level: 'error', message: problemLine(problem) })
  const outcome = await outcomeOf(job, problems, deps, earlier ?? [])
  const { verdict, reason } = outcome
  const after = afterAction({ job, problems }, verdict)
  emit({ kind: 'job.end', verdict, ...(reason === undefined ? {} : { reason }), after })
  return outcome
}

async function outcomeOf(
  job: Job,
  problems: readonly Problem[],
  deps: JobDependencies,
  earlier: readonly TaskReport[],
): Promise<JobOutcome> {
  const problem = problems[0]
  if (problem !== undefined)
    return { verdict: 'failed', reason: `no task was run: ${problemLine(problem)}`, tasks: [] }
  if (job.tasks.length === 0) return { verdict: null, tasks: [] }

  const limit = new AbortController()
  const { timeout } = job
  const timer =
    timeout === null
      ? undefined
      : setTimeout(
          () => limit.abort(new Cancelled(`the job did not end within ${formatDuration(timeout)}`)),
          timeout,
        )
  const within = { ...deps, signal: AbortSignal.any([deps.signal, limit.signal]) }
  const tasks: TaskReport[] = [...earlier]
  try {
    let stopped: string | undefined
    for (const request of job.tasks.slice(earlier.length)) {
      if (stopped !== undefined) tasks.push(notRun(request, `not run: ${stopped}`, deps))
      else {
        const { report, stop } = await runRequest(request, job, within)
        tasks.push(report)
        if (stop) stopped = `${request.name} ${report.verdict === 'unknown' ? 'is unknown' : report.verdict}`
      }
    }
  } finally {
    clearTimeout(timer)
  }
  const verdict = combineVerdicts(tasks.map((task) => task.verdict))
  const worst = tasks.find((task) => task.verdict === verdict && verdict !== 'passed')
  return { verdict, ...(worst === undefined ? {} : { reason: `${worst.task}: ${worst.reason}` }), tasks }
}

/** A task that failed, or a destructive one whose outcome is unknown, stops those after it. */
async function runRequest(
  request: TaskRequest,
  job: Job,
  deps: JobDependencies,
): Promise<{ report: TaskReport; stop: boolean }> {
  const task = await deps.registry[request.name]?.()
  if (task === undefined) return { report: failed(request, 'no such task', deps), stop: true }
  const { macs, serial, uuid } = deps.identity
  const refused = refusal(task, job.confirm, { macs: macs.map(({ mac }) => mac), serial, uuid })
  if (refused !== undefined) return { report: failed(request, refused, deps), stop: true }
  const report = await runTask(task, request, { ...deps, stateDir: join(deps.dir, task.name) }, deps.emit)
  const stop = report.verdict === 'failed' || (task.destructive && report.verdict === 'unknown')
  return { report, stop }
}

function failed(request: TaskRequest, reason: string, deps: JobDependencies): TaskReport {
  return ended(request, 'failed', reason, deps)
}

function notRun(request: TaskRequest, reason: string, deps: JobDependencies): TaskReport {
  return ended(request, 'unknown', reason, deps)
}

function ended(request: TaskRequest, verdict: Verdict, reason: string, deps: JobDependencies): TaskReport {
  deps.emit({ kind: 'task.start', task: request.name, steps: 0, timeout: request.timeout })
  deps.emit({ kind: 'task.end', task: request.name, verdict, reason, seconds: 0 })
  const time = new Date(deps.clock.now()).toISOString()
  const nothing = { facts: null, steps: [], result: null }
  return { task: request.name, verdict, reason, ...nothing, started: time, ended: time, seconds: 0 }
}
