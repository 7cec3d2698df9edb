import type { Event } from '../events.ts'
import { combineVerdicts } from '../verdict.ts'
import type { Heartbeat } from './message.ts'

/** What a heartbeat tells of the job. */
export type JobView = Pick<Heartbeat, 'state' | 'task' | 'step' | 'progress' | 'verdict'>

export const NOTHING_YET: JobView = { state: 'running', verdict: null }

/** The view after an event. With lanes beside each other, `step` is the one that was heard of last. */
export function advance(view: JobView, event: Event): JobView {
  const { state, verdict } = view
  switch (event.kind) {
    case 'task.start':
      return { state, verdict, task: event.task }
    case 'step.start':
      return { state, verdict, task: event.task, step: event.step }
    case 'step.progress': {
      const { task, step, done, total, unit, rate, eta } = event
      return { state, verdict, task, step, progress: { done, total, unit, rate, eta } }
    }
    case 'task.end':
      return {
        state,
        verdict: combineVerdicts(verdict === null ? [event.verdict] : [verdict, event.verdict]),
      }
    case 'job.end':
      return { state: 'ended', verdict: event.verdict }
    default:
      return view
  }
}
