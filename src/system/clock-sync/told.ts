import type { Clock } from '../clock.ts'

/** What somebody says that the time is. */
export interface Told {
  /** Who, for people, such as `NTP server 10.0.0.1`. */
  from: string
  /** Milliseconds since 1970 when the monotonic clock was at `at`. */
  time: number
  at: number
}

export interface AskDeps {
  clock: Clock
  signal: AbortSignal
}

/** Asks one server. @throws SpeedisoError that says why there is no answer to rely on */
export type Ask = (server: string, deps: AskDeps) => Promise<Told>

/** A source is not believed that names a time this long after the image was made: systemd's own CLOCK_VALID_RANGE (15 years). */
const HORIZON = 15 * 365.25 * 24 * 3_600_000

/** What it says for this moment. */
export function timeNow({ time, at }: Told, { monotonic }: Pick<Clock, 'monotonic'>): number {
  return time + (monotonic() - at)
}

/** Why a time cannot be; undefined when it can. Milliseconds since 1970. */
export function implausible(time: number, notBefore: number): string | undefined {
  if (time < notBefore) return `it says ${utc(time)}, but this system was made ${utc(notBefore)}`
  if (time > notBefore + HORIZON) return `it says ${utc(time)}`
  return undefined
}

/** One of several answers that as many others are after as before; of an even number the earlier of the middle two. */
export function median(answers: readonly Told[], clock: Pick<Clock, 'monotonic'>): Told | undefined {
  const sorted = answers.toSorted((a, b) => timeNow(a, clock) - timeNow(b, clock))
  return sorted[Math.floor((sorted.length - 1) / 2)]
}

/** To the second, as 2026-01-31T12:00:00Z. */
export function utc(time: number): string {
  const date = new Date(time)
  return Number.isNaN(date.valueOf()) ? 'no time at all' : date.toISOString().replace(/\.\d+Z$/, 'Z')
}
