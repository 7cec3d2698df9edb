/** The one stream of a fleet. */
export const STREAM = 'SPEEDISO'

/** Every host has one subject below it. */
export const SUBJECTS = 'speediso.host.>'

/** Headers of a message; `SEQ` is the number of the event, of a report that of the last event sent before it. */
export const HEADER = {
  kind: 'Speediso-Kind',
  boot: 'Speediso-Boot',
  seq: 'Speediso-Seq',
  encoding: 'Content-Encoding',
} as const

const HOUR = 3_600_000

/** Limits of a stream that we make, for people to change on the server; one that is there stays as it is. */
export const STREAM_LIMITS = {
  /** Bytes. */
  max_bytes: 1024 ** 3,
  /** Milliseconds. */
  max_age: 30 * 24 * HOUR,
  /** Milliseconds in which the server knows a message again; what is older, we ask for before we send. */
  duplicate_window: HOUR,
} as const

/** A subject token holds no white space, dots or wildcards (NATS, subject-based messaging). */
export function subjectOf(hostId: string): string {
  const token = hostId.replaceAll(/[^\w:-]/g, '_')
  return `speediso.host.${token === '' ? 'unknown' : token}`
}
