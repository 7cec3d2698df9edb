import type { FirmwareOutcome } from './schema.ts'
import type { WatchEnd } from './watch.ts'

/** What the drive's own state says in the end. */
export type Ending = { state: 'done' } | { state: 'rejected' | 'failed' | 'unknown'; reason: string }

/** The outcome of an erase that was watched to its end, or that could not be. */
export function outcomeOf(end: WatchEnd<Ending>, evidence: Record<string, unknown>): FirmwareOutcome {
  const { running, looks, first, last } = end.seen
  const all = { ...evidence, seenRunning: running, looks, first, last }
  if (end.how === 'ended') return { ...end.end, evidence: all }
  const reason =
    end.how === 'stalled'
      ? end.reason
      : `cancelled while the drive was at it; it may go on by itself: ${last || 'not looked at yet'}`
  return { state: 'unknown', reason, evidence: all }
}
