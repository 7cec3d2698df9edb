import { setTimeout as sleep } from 'node:timers/promises'
import type { EventLog } from './event-log.ts'
import { type Event, parseEvent } from './events.ts'
import { followEvents } from './follow.ts'

export interface Printing {
  /** Waits until everything that was said so far is printed, and ends. */
  finish(): Promise<void>
}

export interface PrintOptions {
  /** Only events numbered above it. */
  since?: number
  /** How long `finish` waits, in milliseconds; default 5 s. The file may have lost what is waited for. */
  limit?: number
}

const FINISH_LIMIT = 5000

/** Gives each event of the file to `print`, one after another. */
export function printEvents(
  events: EventLog,
  print: (event: Event, signal: AbortSignal) => void | Promise<void>,
  { since = 0, limit = FINISH_LIMIT }: PrintOptions = {},
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
      const event = parseEvent(line)
      if (event !== undefined) await print(event, end.signal)
      printed = seq
      arrive()
    }
  })()
  // Where nothing can be shown, nothing else must end for it.
  done.catch(() => {})
  return {
    async finish() {
      target = events.written
      arrive()
      const late = sleep(limit, undefined, { signal: end.signal }).catch(() => {})
      await Promise.race([reached.promise, done, late])
      end.abort()
      await done.catch(() => {})
    },
  }
}
