import { isUtf8 } from 'node:buffer'
import { sequenceNumber } from './event-log.ts'

export const NEWLINE = 0x0a
const OPENING_BRACE = 0x7b
const CLOSING_BRACE = 0x7d
/** Bytes. No event is as long; what is, counts as damage and is passed over. */
export const LINE_LIMIT = 16 * 1024 * 1024

/** Every event line starts so, and JSON holds it nowhere else but in an object whose first name is `seq`. */
const START = '{"seq":'
/** Bytes that hold the start of a line and its number. */
export const HEAD_SIZE = START.length + 17
/** Starts that are tried in one damaged line. */
const ATTEMPTS = 8

/** Number of the event whose line starts there; undefined when none does. */
export function numberAt(bytes: Buffer, start: number): number | undefined {
  return sequenceNumber(bytes.toString('latin1', start, start + HEAD_SIZE))
}

/**
 * Number of the last one of whole lines, when they are the events that follow `after` without a gap; else undefined.
 * Lines are counted and not parsed: two that damage has joined are one line too few.
 */
export function lastOfRun(lines: Buffer, after: number): number | undefined {
  // A power cut leaves holes of NUL, which no line of JSON holds.
  if (numberAt(lines, 0) !== after + 1 || lines.includes(0)) return undefined
  let count = 0
  let start = 0
  let next = 0
  for (let end = lines.indexOf(NEWLINE); end >= 0; end = lines.indexOf(NEWLINE, next)) {
    // One that was cut off and ended by somebody else's newline, or that something was written in front of.
    if (lines[end - 1] !== CLOSING_BRACE || lines[next] !== OPENING_BRACE) return undefined
    start = next
    next = end + 1
    count += 1
  }
  if (numberAt(lines, start) !== after + count || !isUtf8(lines)) return undefined
  // The one that is joined to the last line is not missed in the count.
  const joined = lines.indexOf(START, start + 1) >= 0 && !isJson(lines.toString('utf8', start))
  return joined ? undefined : after + count
}

/** What is whole in damaged lines: events numbered above `after`, each once, in order. */
export function wholeEvents(lines: Buffer, after: number): { lines: Buffer; last: number } {
  const whole: string[] = []
  let last = after
  for (const line of lines.toString('utf8').split('\n')) {
    const event = wholeEvent(line)
    if (event === undefined || event.seq <= last) continue
    whole.push(`${event.line}\n`)
    last = event.seq
  }
  return { lines: Buffer.from(whole.join('')), last }
}

/** A line that was cut off has the next one joined to it, and may have a hole of NUL between. */
function wholeEvent(line: string): { seq: number; line: string } | undefined {
  let at = line.indexOf(START)
  for (let attempt = 0; at >= 0 && attempt < ATTEMPTS; attempt += 1) {
    const part = line.slice(at)
    const seq = sequenceNumber(part)
    if (seq !== undefined && isJson(part)) return { seq, line: part }
    at = line.indexOf(START, at + 1)
  }
  return undefined
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
