import { formatDuration } from '../job/duration.ts'
import type { Report, TaskReport } from '../runtime/report.ts'
import type { AnyTask, Plan, Target, TaskRegistry } from '../runtime/task.ts'

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
  for (const { parameter, message, hint } of problems) {
    lines.push(`error: ${parameter}: ${message}${hint === undefined ? '' : `; ${hint}`}`)
  }
  for (const task of report.tasks) lines.push('', ...describeTask(task, await registry[task.task]?.()))
  const verdict = report.verdict === null ? 'nothing was asked' : report.verdict.toUpperCase()
  lines.push('', `job: ${verdict}${report.reason === undefined ? '' : ` (${report.reason})`}`)
  return lines
}

function describeTask(report: TaskReport, task: AnyTask | undefined): string[] {
  const described = report.result === null ? undefined : task?.describe?.(report.result)
  const doubts = report.steps.filter((step) => step.verdict !== 'passed')
  return [
    // A task's own description tells its doubts itself.
    ...(described ?? doubts.map((step) => `${step.verdict}: ${step.title}: ${step.reason}`)),
    '',
    `${report.task}: ${report.verdict.toUpperCase()} in ${formatDuration(report.seconds * 1000)}`,
  ]
}
