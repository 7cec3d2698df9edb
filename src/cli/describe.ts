import { formatDuration } from '../job/duration.ts'
import { problemLine } from '../job/explain.ts'
import type { Problem } from '../job/schema.ts'
import type { Report, TaskReport } from '../runtime/report.ts'
import type { Plan, Target, TaskRegistry } from '../runtime/task.ts'

/** A plan for people, one step a line. */
export function describePlan(task: string, plan: Plan): string[] {
  const lines = [
    `${task}: ${plan.steps.length} ${plan.steps.length === 1 ? 'step' : 'steps'}; nothing was changed`,
  ]
  for (const step of plan.steps) {
    const on = step.target === undefined ? '' : ` on ${describeTarget(step.target)}`
    lines.push(`  ${step.id.padEnd(16)} ${step.title}${on}`)
  }
  return lines
}

function describeTarget({ path, model, serial, wwn }: Target): string {
  const names = [model, serial === undefined ? undefined : `serial ${serial}`, wwn].filter(
    (name) => name !== undefined,
  )
  return names.length === 0 ? path : `${path} (${names.join(', ')})`
}

/** A report for people: what was asked, what each task found, and the verdict last, where the eye is. */
export async function describeReport(report: Report, registry: TaskRegistry): Promise<string[]> {
  const { image, host, problems } = report
  const on = image === null ? '' : ` on image ${image.version}`
  const lines = [`speediso ${report.speediso.version} (${report.speediso.commit})${on}, host ${host.hostId}`]
  for (const problem of problems) lines.push(`error: ${problemLine(problem as Problem)}`)
  const results = await describeResults(report, registry)
  for (const [index, task] of report.tasks.entries()) lines.push('', ...describeTask(task, results[index]))
  const verdict = report.verdict === null ? 'nothing was asked' : report.verdict.toUpperCase()
  lines.push('', `job: ${verdict}${report.reason === undefined ? '' : ` (${report.reason})`}`)
  return lines
}

/** Each task's result as its own module tells it; undefined where there is nothing to tell, or nobody who could. */
export async function describeResults(
  { tasks }: Report,
  registry: TaskRegistry,
): Promise<(string[] | undefined)[]> {
  return Promise.all(
    tasks.map(async ({ task, result }) => {
      if (result === null || !Object.hasOwn(registry, task)) return undefined
      return (await registry[task]?.())?.describe?.(result)
    }),
  )
}

function describeTask(report: TaskReport, described: string[] | undefined): string[] {
  const doubts = report.steps.filter((step) => step.verdict !== 'passed')
  return [
    // A task's own description tells its doubts itself.
    ...(described ?? doubts.map((step) => `${step.verdict}: ${step.title}: ${step.reason}`)),
    '',
    `${report.task}: ${report.verdict.toUpperCase()} in ${formatDuration(report.seconds * 1000)}`,
  ]
}
