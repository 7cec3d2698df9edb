import type { Event } from '../events.ts'
import { formatAmount, formatEvent, formatTaskProgress } from '../format.ts'

export type Progress = Extract<Event, { kind: 'step.progress' }>
export type TaskProgress = Extract<Event, { kind: 'task.progress' }>

/** The progress of all running steps in one line, and of their tasks where known; undefined when there is none. */
export function progressLine(
  running: readonly Progress[],
  whole: readonly TaskProgress[] = [],
): string | undefined {
  const [first] = running
  if (first === undefined) return undefined
  if (running.length === 1 && whole.length === 0) return formatEvent(first)
  const time = running.reduce((latest, { time: at }) => (at > latest ? at : latest), first.time)
  const tasks = [...new Set(running.map(({ task }) => task))].join(', ')
  const parts = [`${running.length} ${running.length === 1 ? 'step' : 'steps'} running`]
  const sum = (value: (step: Progress) => number | null) =>
    running.reduce((total, step) => total + (value(step) ?? 0), 0)
  // Bytes and files do not add up.
  if (running.every(({ unit }) => unit === first.unit)) {
    const total = sum((step) => step.total)
    if (total > 0) parts.push(`${((100 * sum((step) => step.done)) / total).toFixed(1)} %`)
    const rate = sum((step) => step.rate)
    if (rate > 0) parts.push(`${formatAmount(rate, first.unit)}/s`)
  }
  // What comes after these steps counts as well, where the task knows it.
  const known = whole.length === 1 && whole[0]?.task === tasks ? whole[0] : undefined
  if (known !== undefined) {
    parts.push(formatTaskProgress(known))
    return `${time.slice(11, 19)} ${tasks}: ${parts.join(', ')}`
  }
  const etas = running.map(({ eta }) => eta).filter((eta) => eta !== null)
  // All are done when the slowest is; one that cannot tell leaves it open.
  if (etas.length === running.length) parts.push(`${Math.ceil(Math.max(...etas))} s left`)
  return `${time.slice(11, 19)} ${tasks}: ${parts.join(', ')}`
}
