import { explainInLine } from '../../errors.ts'
import type { EventLog } from '../event-log.ts'
import type { Event } from '../events.ts'
import { followEvents } from '../follow.ts'

export interface Watching {
  /** Until everything that is in the file by now was given to `take`. */
  caughtUp(): Promise<void>
  /** Ends with the signal. */
  readonly done: Promise<void>
}

/** Gives each event from now on to `take`, until the signal. */
export function watchEvents(events: EventLog, take: (event: Event) => void, signal: AbortSignal): Watching {
  let seen = events.last
  const waiting = new Set<() => void>()
  const follow = async () => {
    try {
      const following = { since: seen, watch: events.watch, signal }
      for await (const { seq, line } of followEvents(events.path, following)) {
        take(JSON.parse(line) as Event)
        seen = seq
        for (const look of waiting) look()
      }
    } catch (error) {
      const message = `notices and heartbeats no longer follow the job: ${explainInLine(error)}`
      events.append({ kind: 'log', level: 'error', message })
    }
  }
  const done = follow()
  return {
    done,
    async caughtUp() {
      const target = events.written
      const reached = Promise.withResolvers<void>()
      const look = () => {
        if (seen >= target) reached.resolve()
      }
      waiting.add(look)
      look()
      await Promise.race([reached.promise, done])
      waiting.delete(look)
    },
  }
}
