import type { Clock } from '../system/clock.ts'
import type { Emit } from './events.ts'
import type { StepVoice } from './task.ts'

/** At most this often does a step's progress become an event, in milliseconds. */
const PROGRESS_INTERVAL = 500

/** The voice of one step: what it says becomes events that name it. */
export function createVoice(task: string, step: string, emit: Emit, clock: Clock): StepVoice {
  let last: { at: number; done: number } | undefined
  return {
    log: (level, message) => emit({ kind: 'log', task, step, level, message }),
    reading: (name, value, unit) =>
      emit({ kind: 'reading', task, step, name, value, ...(unit === undefined ? {} : { unit }) }),
    progress(done, total, unit) {
      const at = clock.monotonic()
      if (last !== undefined && done < total && at - last.at < PROGRESS_INTERVAL) return
      const seconds = last === undefined ? 0 : (at - last.at) / 1000
      const rate = last === undefined || seconds <= 0 ? null : Math.max(0, (done - last.done) / seconds)
      const eta = rate === null || rate === 0 ? null : Math.max(0, (total - done) / rate)
      last = { at, done }
      emit({ kind: 'step.progress', task, step, done, total, unit, rate, eta })
    },
  }
}
