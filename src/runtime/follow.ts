import { openEventFile } from './event-file.ts'
import { NEWLINE } from './event-lines.ts'
import { sequenceNumber } from './event-log.ts'

export interface FollowOptions {
  /** Only events numbered above it. */
  since: number
  /** Called with a callback to be told of growth; returns how to stop that. Absent: ends at the end of the file. */
  watch?: (changed: () => void) => () => void
  signal: AbortSignal
}

/** A line of the event file and its number. */
export interface EventLine {
  seq: number
  line: string
}

/** The events of a file from `since` on, then each new one as it comes, until the signal. */
export async function* followEvents(path: string, options: FollowOptions): AsyncGenerator<EventLine> {
  const { since, watch, signal } = options
  const growth = createGrowth(signal)
  const stop = watch?.(growth.grew)
  await using file = await openEventFile(path)
  try {
    const reader = await file.after(since)
    while (!signal.aborted) {
      const seen = growth.count
      let lines = await reader.read(Number.POSITIVE_INFINITY)
      if (lines === undefined) {
        const size = await file.size()
        // Somebody cut it off.
        if (size < reader.position) lines = await reader.read(size)
      }
      if (lines === undefined) {
        if (watch === undefined) return
        await growth.beyond(seen)
        continue
      }
      let start = 0
      for (let end = lines.indexOf(NEWLINE); end >= 0; end = lines.indexOf(NEWLINE, start)) {
        const line = lines.toString('utf8', start, end)
        start = end + 1
        const seq = sequenceNumber(line)
        if (seq !== undefined) yield { seq, line }
        if (signal.aborted) return
      }
    }
  } finally {
    stop?.()
  }
}

/** Counts growth, so that none is missed between reading the end of the file and waiting. */
function createGrowth(signal: AbortSignal) {
  let count = 0
  let wake: (() => void) | undefined
  const grew = () => {
    count += 1
    wake?.()
  }
  signal.addEventListener('abort', grew, { once: true })
  return {
    get count() {
      return count
    },
    grew,
    async beyond(seen: number): Promise<void> {
      if (count > seen || signal.aborted) return
      await new Promise<void>((resolve) => {
        wake = resolve
      })
      wake = undefined
    },
  }
}
