import { closeSync, fstatSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import type { Clock } from '../system/clock.ts'
import type { Emit, Event, EventBody } from './events.ts'

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
  let { last, size } = recover(fd, path)
  const watchers = new Set<() => void>()
  let pending = ''

  const flush = () => {
    const bytes = Buffer.from(pending)
    let written = 0
    try {
      while (written < bytes.length) written += writeSync(fd, bytes, written)
    } catch {
      // A full /run must not end the job: whole lines stay, the rest is taken back and waits for the next try.
      written = written === 0 ? 0 : bytes.lastIndexOf(0x0a, written - 1) + 1
      ftruncateSync(fd, size + written)
    }
    size += written
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

/** Where an event file really ends, and the number of its last whole event. */
function recover(fd: number, path: string): { last: number; size: number } {
  const bytes = readFileSync(path)
  const size = bytes.lastIndexOf(0x0a) + 1
  if (size < fstatSync(fd).size) ftruncateSync(fd, size)
  if (size === 0) return { last: 0, size }
  const start = size < 2 ? 0 : bytes.lastIndexOf(0x0a, size - 2) + 1
  const seq = sequenceNumber(bytes.subarray(start, size - 1).toString())
  return { last: seq ?? 0, size }
}

/** The number of an event line, without parsing the whole of it; undefined when it is none. */
export function sequenceNumber(line: string): number | undefined {
  const match = /^\{"seq":(\d+),/.exec(line)
  return match === null ? undefined : Number(match[1])
}
