import { styleText } from 'node:util'
import { formatDuration } from '../job/duration.ts'
import { printable } from '../printable.ts'
import type { Event } from './events.ts'

type Style = 'green' | 'red' | 'yellow' | 'dim' | 'bold'

/** A piece of a line, and how it looks where there are colours. */
type Piece = string | readonly [text: string, style: Style]

const VERDICT_STYLE = { passed: 'green', failed: 'red', unknown: 'yellow' } as const
const LEVEL_STYLE = { debug: 'dim', info: undefined, warning: 'yellow', error: 'red' } as const

/** An event as one line for people, without colours: it also goes to serial consoles. */
export function formatEvent(event: Event): string {
  return pieces(event)
    .map((piece) => (typeof piece === 'string' ? piece : piece[0]))
    .join('')
}

/** The same for a terminal with colours; no other control character is left in it. */
export function colourEvent(event: Event): string {
  return pieces(event)
    .map((piece) => (typeof piece === 'string' ? printable(piece) : colour(piece[1], piece[0])))
    .join('')
}

export function colour(style: Style, text: string): string {
  // Whether there are colours is decided by who prints.
  return styleText(style, printable(text), { validateStream: false })
}

/** How far a step is, in a few words. */
export function formatProgress(event: Extract<Event, { kind: 'step.progress' }>): string {
  const percent = event.total > 0 ? `${((100 * event.done) / event.total).toFixed(1)} %` : '?'
  const rate = event.rate === null ? '' : `, ${formatAmount(event.rate, event.unit)}/s`
  const eta = event.eta === null ? '' : `, ${Math.ceil(event.eta)} s left`
  return `${percent}, ${formatAmount(event.done, event.unit)} of ${formatAmount(event.total, event.unit)}${rate}${eta}`
}

/** How far a whole task is. */
export function formatTaskProgress({
  done,
  total,
  unit,
  eta,
}: Extract<Event, { kind: 'task.progress' }>): string {
  const left = eta === null || eta === 0 ? '' : `, about ${formatDuration(Math.ceil(eta) * 1000)} left`
  return `${done} of ${total} ${unit}${left}`
}

function pieces(event: Event): Piece[] {
  return [[event.time.slice(11, 19), 'dim'], ' ', ...describe(event)]
}

function describe(event: Event): Piece[] {
  switch (event.kind) {
    case 'job.start':
      return [event.tasks.length === 0 ? 'job: no task, plain live system' : `job: ${event.tasks.join(', ')}`]
    case 'job.end':
      if (event.verdict === null) return ['job: nothing was asked; this machine stays up']
      return ['job: ', word(event.verdict, true), `${because(event.reason)}; then ${event.after}`]
    case 'task.start':
      return [[event.task, 'bold'], `: ${event.steps} ${event.steps === 1 ? 'step' : 'steps'}`]
    case 'task.progress':
      return [[event.task, 'bold'], `: ${formatTaskProgress(event)}`]
    case 'task.end':
      return [[event.task, 'bold'], ': ', word(event.verdict, true), ending(event)]
    case 'step.start':
      return [`${event.task}/${event.step}: ${event.title}`]
    case 'step.progress':
      return [`${event.task}/${event.step}: ${formatProgress(event)}`]
    case 'step.end':
      return [`${event.task}/${event.step}: `, word(event.verdict, false), ending(event)]
    case 'log': {
      const { level, message } = event
      const text = `${level === 'info' ? '' : `${level}: `}${message}`
      const style = LEVEL_STYLE[level]
      return [where(event), style === undefined ? text : [text, style]]
    }
    case 'reading':
      return [`${where(event)}${event.name} = ${reading(event)}`]
  }
}

function word(verdict: keyof typeof VERDICT_STYLE, loud: boolean): Piece {
  return [loud ? verdict.toUpperCase() : verdict, VERDICT_STYLE[verdict]]
}

function ending({ seconds: value, reason }: { seconds: number; reason?: string | undefined }): string {
  return ` in ${seconds(value)}${because(reason)}`
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

function reading({ value, unit }: Extract<Event, { kind: 'reading' }>): string {
  if (unit === undefined) return String(value)
  return typeof value === 'number' ? formatAmount(value, unit) : `${value} ${unit}`
}

/** Bytes in decimal units, as disks are sold. */
export function formatAmount(value: number, unit: string): string {
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
