import type { Event } from '../runtime/events.ts'

const VERDICT_WORD = { passed: 'PASSED', failed: 'FAILED', unknown: 'UNKNOWN' } as const

/** An event as one line for people, without colours: it also goes to serial consoles. */
export function formatEvent(event: Event): string {
  return `${event.time.slice(11, 19)} ${describe(event)}`
}

function describe(event: Event): string {
  switch (event.kind) {
    case 'job.start':
      return event.tasks.length === 0 ? 'job: no task, plain live system' : `job: ${event.tasks.join(', ')}`
    case 'job.end':
      if (event.verdict === null) return 'job: nothing was asked; this machine stays up'
      return `job: ${VERDICT_WORD[event.verdict]}${because(event.reason)}; then ${event.after}`
    case 'task.start':
      return `${event.task}: ${event.steps} ${event.steps === 1 ? 'step' : 'steps'}`
    case 'task.end':
      return `${event.task}: ${VERDICT_WORD[event.verdict]} in ${seconds(event.seconds)}${because(event.reason)}`
    case 'step.start':
      return `${event.task}/${event.step}: ${event.title}`
    case 'step.progress':
      return `${event.task}/${event.step}: ${progress(event)}`
    case 'step.end':
      return `${event.task}/${event.step}: ${event.verdict} in ${seconds(event.seconds)}${because(event.reason)}`
    case 'log':
      return `${where(event)}${event.level === 'info' ? '' : `${event.level}: `}${event.message}`
    case 'reading':
      return `${where(event)}${event.name} = ${reading(event)}`
  }
}

function where({ task, step }: { task?: string | undefined; step?: string | undefined }): string {
  return task === undefined ? '' : step === undefined ? `${task}: ` : `${task}/${step}: `
}

function because(reason: string | undefined): string {
  return reason === undefined ? '' : ` (${reason})`
}

function seconds(value: number): string {
  return value < 10 ? `${value.toFixed(2)} s` : `${value.toFixed(0)} s`
}

function progress(event: Extract<Event, { kind: 'step.progress' }>): string {
  const percent = event.total > 0 ? `${((100 * event.done) / event.total).toFixed(1)} %` : '?'
  const rate = event.rate === null ? '' : `, ${amount(event.rate, event.unit)}/s`
  const eta = event.eta === null ? '' : `, ${Math.ceil(event.eta)} s left`
  return `${percent}, ${amount(event.done, event.unit)} of ${amount(event.total, event.unit)}${rate}${eta}`
}

function reading({ value, unit }: Extract<Event, { kind: 'reading' }>): string {
  if (unit === undefined) return String(value)
  return typeof value === 'number' ? amount(value, unit) : `${value} ${unit}`
}

/** Bytes in decimal units, as disks are sold. */
function amount(value: number, unit: string): string {
  if (unit !== 'bytes') return `${Number(value.toFixed(1))} ${unit}`
  for (const [size, name] of [
    [1e12, 'TB'],
    [1e9, 'GB'],
    [1e6, 'MB'],
    [1e3, 'kB'],
  ] as const) {
    if (value >= size) return `${(value / size).toFixed(1)} ${name}`
  }
  return `${value.toFixed(0)} B`
}
