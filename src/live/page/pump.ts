import type { Event } from '../../runtime/events.ts'

/** Takes messages as they come, and their events in small slices. */
export interface Pump {
  push(text: string): void
  clear(): void
  /** True: more has come than was taken. */
  readonly behind: boolean
}

/** A slice ends after so long, in milliseconds, so that a replay of a million events leaves time to paint and to answer. */
const SLICE = 8

/**
 * @param later calls back soon, after what else the page has to do
 * @param slice called after each slice
 */
export function createPump(
  take: (event: Event) => void,
  slice: () => void,
  later: (act: () => void) => void,
): Pump {
  let queue: string[] = []
  /** Messages of the queue that are done, and characters of the one after them. */
  let done = 0
  let position = 0
  let due = false

  const run = () => {
    due = false
    const end = performance.now() + SLICE
    while (done < queue.length && performance.now() < end) {
      const text = queue[done] ?? ''
      const newline = text.indexOf('\n', position)
      const stop = newline < 0 ? text.length : newline
      const event = parseEvent(text.slice(position, stop))
      if (event !== undefined) take(event)
      position = stop + 1
      if (position < text.length) continue
      position = 0
      queue[done] = ''
      done += 1
    }
    if (done === queue.length) {
      queue = []
      done = 0
    } else schedule()
    slice()
  }

  const schedule = () => {
    if (due) return
    due = true
    later(run)
  }

  return {
    push(text) {
      queue.push(text)
      schedule()
    },
    clear() {
      queue = []
      done = 0
      position = 0
    },
    get behind() {
      return queue.length > 0
    },
  }
}

/** Undefined: it is none; that one is missing shows by the numbers of those around it. */
function parseEvent(line: string): Event | undefined {
  if (line.trim() === '') return undefined
  try {
    const event = JSON.parse(line) as Event
    return Number.isSafeInteger(event?.seq) && typeof event.time === 'string' ? event : undefined
  } catch {
    return undefined
  }
}
