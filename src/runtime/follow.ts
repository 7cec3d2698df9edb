import { open } from 'node:fs/promises'
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

const CHUNK = 256 * 1024

/** The events of a file from `since` on, then each new one as it comes, until the signal. */
export async function* followEvents(path: string, options: FollowOptions): AsyncGenerator<EventLine> {
  const { since, watch, signal } = options
  const growth = createGrowth(signal)
  const stop = watch?.(growth.grew)
  await using file = await open(path, 'r')
  try {
    const buffer = Buffer.alloc(CHUNK)
    let rest = Buffer.alloc(0)
    let position = 0
    while (!signal.aborted) {
      const seen = growth.count
      const { bytesRead } = await file.read(buffer, 0, CHUNK, position)
      position += bytesRead
      // Copied, because the buffer is filled anew while a line may still wait for its other half.
      rest = Buffer.concat([rest, buffer.subarray(0, bytesRead)])
      let start = 0
      for (let end = rest.indexOf(0x0a, start); end >= 0; end = rest.indexOf(0x0a, start)) {
        const line = rest.toString('utf8', start, end)
        start = end + 1
        const seq = sequenceNumber(line)
        if (seq !== undefined && seq > since) yield { seq, line }
        if (signal.aborted) return
      }
      rest = rest.subarray(start)
      if (bytesRead === 0) {
        if (watch === undefined) return
        await growth.beyond(seen)
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
