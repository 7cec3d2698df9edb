import { formatEvent } from '../../live/format.ts'
import type { JournalFields } from '../../system/journal/entry.ts'
import type { Journal } from '../../system/journal/journal.ts'
import type { Event } from '../events.ts'

/** Levels of syslog(3), as the journal's PRIORITY takes them. */
const PRIORITY = { error: 3, warning: 4, info: 6, debug: 7 } as const

/** What an event is in the journal; undefined for progress, which would bury everything else there. */
export function journalFields(event: Event): JournalFields | undefined {
  if (event.kind === 'step.progress') return undefined
  return {
    // The journal has the time itself.
    MESSAGE: formatEvent(event).slice('hh:mm:ss '.length),
    PRIORITY: priority(event),
    SYSLOG_IDENTIFIER: 'speediso',
    SPEEDISO_SEQ: event.seq,
    SPEEDISO_HOST: event.host,
    SPEEDISO_KIND: event.kind,
    SPEEDISO_TASK: 'task' in event ? event.task : undefined,
    SPEEDISO_STEP: 'step' in event ? event.step : undefined,
    SPEEDISO_VERDICT: 'verdict' in event ? (event.verdict ?? undefined) : undefined,
    SPEEDISO_REASON: 'reason' in event ? event.reason : undefined,
    SPEEDISO_EVIDENCE: event.kind === 'step.end' ? JSON.stringify(event.evidence) : undefined,
    ...(event.kind === 'reading'
      ? { SPEEDISO_NAME: event.name, SPEEDISO_VALUE: String(event.value), SPEEDISO_UNIT: event.unit }
      : {}),
  }
}

export function writeToJournal(journal: Journal, event: Event): void {
  const fields = journalFields(event)
  if (fields !== undefined) journal.write(fields)
}

function priority(event: Event): number {
  if (event.kind === 'log') return PRIORITY[event.level]
  if (event.kind === 'reading') return PRIORITY.debug
  if (!('verdict' in event) || event.verdict === 'passed' || event.verdict === null) return PRIORITY.info
  return event.verdict === 'failed' ? PRIORITY.error : PRIORITY.warning
}
