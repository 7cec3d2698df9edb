import { type Event, parseEvent } from './events.ts'
import { followEvents } from './follow.ts'
import type { StepReport, TaskReport } from './report.ts'

/** Why the verdict of a job is unknown whose process was ended in the middle of it. */
export const INTERRUPTED = 'speediso was ended in the middle of the job; nothing was run again'

/** All events of a file; a line that is no event is left out. */
export async function readEvents(path: string): Promise<Event[]> {
  const events: Event[] = []
  for await (const { line } of followEvents(path, { since: 0, signal: new AbortController().signal })) {
    const event = parseEvent(line)
    if (event !== undefined) events.push(event)
  }
  return events
}

/** What the events prove of the tasks of an interrupted job; whatever has no end is unknown. */
export function tasksFromEvents(
  events: readonly Event[],
  asked: readonly { name: string }[],
  now: string,
): TaskReport[] {
  const nothing = { facts: null, result: null }
  const tasks = new Map<string, TaskReport>(
    asked.map(({ name }) => [name, { task: name, ...unfinished(now, now), ...nothing, steps: [] }]),
  )
  const steps = new Map<string, StepReport>()
  for (const event of events) {
    if (event.kind === 'task.start') {
      tasks.set(event.task, { task: event.task, ...unfinished(event.time, now), ...nothing, steps: [] })
    } else if (event.kind === 'task.end') {
      const task = tasks.get(event.task)
      if (task !== undefined) Object.assign(task, ending(event))
    } else if (event.kind === 'step.start') {
      const { step: id, title } = event
      const step: StepReport = { id, kind: 'unknown', title, ...unfinished(event.time, now), evidence: {} }
      steps.set(`${event.task}/${id}`, step)
      tasks.get(event.task)?.steps.push(step)
    } else if (event.kind === 'step.end') {
      const step = steps.get(`${event.task}/${event.step}`)
      if (step !== undefined) Object.assign(step, ending(event), { evidence: event.evidence })
    }
  }
  return [...tasks.values()]
}

/** The task in the middle of which the events end: all before it have ended, it has begun and has not. */
export function openTask(
  events: readonly Event[],
  asked: readonly { name: string }[],
): { name: string; index: number } | undefined {
  const index = events.filter((event) => event.kind === 'task.end').length
  const name = asked[index]?.name
  const last = events.findLast((event) => event.kind === 'task.start' || event.kind === 'task.end')
  return name !== undefined && last?.kind === 'task.start' && last.task === name ? { name, index } : undefined
}

function unfinished(started: string, now: string) {
  return { verdict: 'unknown' as const, reason: INTERRUPTED, started, ended: now, seconds: 0 }
}

function ending(event: Extract<Event, { kind: 'task.end' | 'step.end' }>) {
  const { verdict, reason, seconds, time } = event
  return { verdict, reason, seconds, ended: time }
}
