import type { Event } from '../../../runtime/events.ts'
import { formatEvent } from '../../../runtime/format.ts'

/** How much an event matters; a filter shows its level and all above it. */
export const LEVELS = ['everything', 'info', 'warning', 'error'] as const
export type Level = (typeof LEVELS)[number]

/** A line of the log for people. */
export interface Line {
  readonly seq: number
  /** Of the host's clock, UTC. */
  readonly time: string
  readonly level: Level
  readonly text: string
}

export interface Filter {
  readonly level: Level
  /** Case does not matter. */
  readonly text: string
}

/** Characters of one line; what is longer is cut and says so. */
const LINE_LIMIT = 4000

export function levelOf(event: Event): Level {
  switch (event.kind) {
    case 'step.progress':
    case 'task.progress':
      return 'everything'
    case 'log':
      return event.level === 'debug' ? 'everything' : event.level
    case 'job.end':
    case 'task.end':
    case 'step.end':
      return event.verdict === 'failed' ? 'error' : event.verdict === 'unknown' ? 'warning' : 'info'
    default:
      return 'info'
  }
}

export function lineOf(event: Event): Line {
  const level = levelOf(event)
  // Time and text stand in columns of their own here.
  const text = formatEvent(event).slice('hh:mm:ss '.length)
  const over = text.length - LINE_LIMIT
  const shown = over > 0 ? `${text.slice(0, LINE_LIMIT)} … (${over} characters more)` : text
  return { seq: event.seq, time: event.time.slice(11, 19), level, text: shown }
}

/** Tells whether a line is to be shown. */
export function matcher({ level, text }: Filter): (line: Line) => boolean {
  const least = LEVELS.indexOf(level)
  const wanted = text.trim().toLowerCase()
  return (line) =>
    LEVELS.indexOf(line.level) >= least && (wanted === '' || line.text.toLowerCase().includes(wanted))
}

/** The last events of each level: a flood of one level does not wash away what matters more. */
export class LogStore {
  readonly #rings: readonly Ring[]

  /** @param limit events kept of each level */
  constructor(limit: number) {
    this.#rings = LEVELS.map(() => new Ring(limit))
  }

  add(event: Event): void {
    this.#rings[LEVELS.indexOf(levelOf(event))]?.push(event)
  }

  clear(): void {
    for (const ring of this.#rings) ring.clear()
  }

  /** Events of this level and above that are no longer kept. */
  dropped(level: Level): number {
    return this.#rings.slice(LEVELS.indexOf(level)).reduce((sum, ring) => sum + ring.dropped, 0)
  }

  /** At most `limit` lines that match, of events numbered above `after` and up to `until`; the newest, in order. */
  lines(
    filter: Filter,
    limit: number,
    { after = 0, until = Infinity }: { after?: number; until?: number } = {},
  ): Line[] {
    const matches = matcher(filter)
    const found: Line[] = []
    for (const event of newestFirst(this.#rings.slice(LEVELS.indexOf(filter.level)))) {
      if (event.seq <= after || found.length === limit) break
      if (event.seq > until) continue
      const line = lineOf(event)
      if (matches(line)) found.push(line)
    }
    return found.reverse()
  }
}

function* newestFirst(rings: readonly Ring[]): Generator<Event> {
  const heads = rings.map((ring) => ({ ring, back: 0 }))
  for (;;) {
    let best: { ring: Ring; back: number } | undefined
    let event: Event | undefined
    for (const head of heads) {
      const candidate = head.ring.fromEnd(head.back)
      if (candidate !== undefined && (event === undefined || candidate.seq > event.seq)) {
        best = head
        event = candidate
      }
    }
    if (best === undefined || event === undefined) return
    best.back += 1
    yield event
  }
}

class Ring {
  readonly #limit: number
  #items: Event[] = []
  #next = 0
  dropped = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  push(event: Event): void {
    if (this.#items.length < this.#limit) this.#items.push(event)
    else {
      this.#items[this.#next] = event
      this.dropped += 1
    }
    this.#next = (this.#next + 1) % this.#limit
  }

  clear(): void {
    this.#items = []
    this.#next = 0
    this.dropped = 0
  }

  /** The newest is 0. */
  fromEnd(index: number): Event | undefined {
    const size = this.#items.length
    return index >= size ? undefined : this.#items[(this.#next - 1 - index + 2 * this.#limit) % this.#limit]
  }
}
