import type { MessageKind } from './message.ts'

/** Times of the delivery, in milliseconds. */
export interface Pace {
  /** From one heartbeat to the next. */
  heartbeat: number
  /** How long an act waits for its notice to be accepted, and the report for the notices before it. */
  notice: number
  /** Before the second attempt; doubles with each one up to `longestWait`, times 1 to 2 by chance. */
  firstWait: number
  longestWait: number
  /** Between attempts after job.report.wait, times 1 to 2 by chance: 5 minutes on average. */
  slowWait: number
  /** How long the bundle is tried. */
  bundle: number
  /** For the one attempt that is left when this process is told to stop: systemd ends it after 30 s. */
  last: number
  /** For the whole of one request. */
  answer: Readonly<Record<MessageKind | 'foreman', number>>
}

export const DEFAULT_PACE: Pace = {
  heartbeat: 30_000,
  notice: 60_000,
  firstWait: 1000,
  longestWait: 30_000,
  slowWait: 200_000,
  bundle: 120_000,
  last: 8000,
  // A report may be megabytes and the bundle tens of them, over a management network.
  answer: { report: 60_000, notice: 15_000, heartbeat: 15_000, bundle: 120_000, foreman: 60_000 },
}
