import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import type { Clock } from '../system/clock.ts'
import type { Emit, Event, EventBody } from './events.ts'

const NEWLINE = 0x0a

/** The event file, written by one process; every sink reads it from there. */
export interface EventLog {
  readonly path: string
  /** Number of the last event. */
  readonly last: number
  /** Number of the last event that is in the file; less than `last` while the file system is full. */
  readonly written: number
  append: Emit
  /** Calls back after each append; returns how to stop that. */
  watch(changed: () => void): () => void
  close(): void
}

/**
 * Opens the NDJSON event file to append. A file of an earlier process is continued: its numbers go on, and a line that
 * was cut off in the middle is removed.
 */
export function openEventLog(path: string, host: string, clock: Clock): EventLog {
  const fd = openSync(path, 'a+', 0o644)
  let last = recover(fd)
  const watchers = new Set<() => void>()
  let pending = ''

  const flush = () => {
    const bytes = Buffer.from(pending)
    let written = 0
    try {
      while (written < bytes.length) written += writeSync(fd, bytes, written)
    } catch {
      // A full /run must not end the job: whole lines stay, the rest is taken back and waits for the next try.
      const whole = written === 0 ? 0 : bytes.lastIndexOf(NEWLINE, written - 1) + 1
      if (written > whole) ftruncateSync(fd, fstatSync(fd).size - (written - whole))
      written = whole
    }
    pending = bytes.toString('utf8', written)
  }

  return {
    path,
    get last() {
      return last
    },
    get written() {
      return last - pending.split('\n').length + 1
    },
    append(body: EventBody) {
      last += 1
      const event = { seq: last, time: new Date(clock.now()).toISOString(), host, ...body } as Event
      pending += `${JSON.stringify(event)}\n`
      flush()
      for (const changed of watchers) changed()
    },
    watch(changed) {
      watchers.add(changed)
      return () => watchers.delete(changed)
    },
    close() {
      watchers.clear()
      closeSync(fd)
    },
  }
}

/** Bytes that are read at once from the end. */
const TAIL = 64 * 1024

/** Takes off a line that was cut off; gives the number of the last whole event. */
function recover(fd: number): number {
  const { size } = fstatSync(fd)
  for (let length = Math.min(TAIL, size); ; length = Math.min(length * 4, size)) {
    const bytes = Buffer.alloc(length)
    const read = readSync(fd, bytes, 0, length, size - length)
    const end = bytes.lastIndexOf(NEWLINE, read - 1) + 1
    const start = end < 2 ? 0 : bytes.lastIndexOf(NEWLINE, end - 2) + 1
    // The line may start before what was read.
    if (start === 0 && length < size) continue
    if (size - length + end < size) ftruncateSync(fd, size - length + end)
    return end === 0 ? 0 : (sequenceNumber(bytes.toString('utf8', start, end - 1)) ?? 0)
  }
}

/** The number of an event line, without parsing the whole of it; undefined when it is none. */
export function sequenceNumber(line: string): number | undefined {
  const match = /^\{"seq":(\d+),/.exec(line)
  return match === null ? undefined : Number(match[1])
}
