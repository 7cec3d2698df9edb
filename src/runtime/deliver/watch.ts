import { explainInLine } from '../../errors.ts'
import type { EventLog } from '../event-log.ts'
import { type Event, parseEvent } from '../events.ts'
import { followEvents } from '../follow.ts'

export interface Watching {
  /** Until everything that is in the file by now was given to `take`; not for long, for somebody may have cut it off. */
  caughtUp(): Promise<void>
  /** Ends with the signal. */
  readonly done: Promise<void>
}

/** Milliseconds for catching up. */
const LIMIT = 2000

/** Gives each event from now on to `take`, until the signal. What is no event is passed over. */
export function watchEvents(
  events: EventLog,
  take: (event: Event) => void,
  signal: AbortSignal,
  limit = LIMIT,
): Watching {
  let seen = events.last
  const waiting = new Set<() => void>()
  const follow = async () => {
    try {
      const following = { since: seen, watch: events.watch, signal }
      for await (const { seq, line } of followEvents(events.path, following)) {
        const event = parseEvent(line)
        if (event === undefined) continue
        take(event)
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
      const late = setTimeout(reached.resolve, limit)
      await Promise.race([reached.promise, done])
      clearTimeout(late)
      waiting.delete(look)
    },
  }
}
