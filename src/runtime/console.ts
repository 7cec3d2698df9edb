import type { EventLog } from './event-log.ts'
import type { Event } from './events.ts'
import { followEvents } from './follow.ts'

export interface Printing {
  /** Waits until everything that was said so far is printed, and ends. */
  finish(): Promise<void>
}

/** Gives each event of the file to `print`, from the first on. */
export function printEvents(events: EventLog, print: (event: Event) => void): Printing {
  const end = new AbortController()
  const reached = Promise.withResolvers<void>()
  let target = Number.POSITIVE_INFINITY
  let printed = 0
  const arrive = () => {
    if (printed >= target) reached.resolve()
  }
  const done = (async () => {
    const following = { since: 0, watch: events.watch, signal: end.signal }
    for await (const { seq, line } of followEvents(events.path, following)) {
      print(JSON.parse(line) as Event)
      printed = seq
      arrive()
    }
  })()
  return {
    async finish() {
      target = events.written
      arrive()
      await Promise.race([reached.promise, done])
      end.abort()
      await done
    },
  }
}
