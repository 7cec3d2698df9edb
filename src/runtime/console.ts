import { setTimeout as sleep } from 'node:timers/promises'
import type { EventLog } from './event-log.ts'
import type { Event } from './events.ts'
import { followEvents } from './follow.ts'

export interface Printing {
  /** Waits until everything that was said so far is printed, and ends. */
  finish(): Promise<void>
}

export interface PrintOptions {
  /** Only events numbered above it. */
  since?: number
  /** How long `finish` waits, in milliseconds; default: as long as it takes. */
  limit?: number
}

/** Gives each event of the file to `print`, one after another. */
export function printEvents(
  events: EventLog,
  print: (event: Event, signal: AbortSignal) => void | Promise<void>,
  { since = 0, limit }: PrintOptions = {},
): Printing {
  const end = new AbortController()
  const reached = Promise.withResolvers<void>()
  let target = Number.POSITIVE_INFINITY
  let printed = since
  const arrive = () => {
    if (printed >= target) reached.resolve()
  }
  const done = (async () => {
    const following = { since, watch: events.watch, signal: end.signal }
    for await (const { seq, line } of followEvents(events.path, following)) {
      await print(JSON.parse(line) as Event, end.signal)
      printed = seq
      arrive()
    }
  })()
  return {
    async finish() {
      target = events.written
      arrive()
      const late =
        limit === undefined ? [] : [sleep(limit, undefined, { signal: end.signal }).catch(() => {})]
      await Promise.race([reached.promise, done, ...late])
      end.abort()
      await done
    },
  }
}
