import { printable } from '../../printable.ts'
import type { JournalFields } from '../../system/journal/entry.ts'
import type { Journal } from '../../system/journal/journal.ts'
import { type Printing, printEvents } from '../console.ts'
import type { EventLog } from '../event-log.ts'
import type { Event } from '../events.ts'
import { formatEvent } from '../format.ts'

export interface JournalSinkOptions {
  journal: Journal
  events: EventLog
  /** Only events numbered above it. */
  since?: number
}

/** What the journal has not taken this long after the end is left out, in milliseconds; the event file has it. */
const FINISH_LIMIT = 2000
/** So many events behind, a journal that costs a process an entry gets only what matters. */
const BACKLOG = 1000

/** Priorities of syslog(3). */
const ERROR = '3'
const WARNING = '4'
const NOTICE = '5'
const INFO = '6'
const DEBUG = '7'

/** Writes each event but progress to the journal, with fields to look for. The event file is its queue. */
export function openJournalSink({ journal, events, since = 0 }: JournalSinkOptions): Printing {
  let skipped = 0
  const print = async (event: Event, signal: AbortSignal) => {
    const fields = journalFields(event)
    if (fields === undefined) return
    if (journal.slow && events.last - event.seq > BACKLOG && Number(fields.PRIORITY) >= Number(INFO)) {
      skipped += 1
      return
    }
    if (skipped > 0) {
      const MESSAGE = `${skipped} events were left out here; speediso log shows all`
      skipped = 0
      await journal.write({ MESSAGE, PRIORITY: NOTICE, SYSLOG_IDENTIFIER: 'speediso' }, signal)
    }
    await journal.write(fields, signal)
  }
  const printing = printEvents(events, print, { since, limit: FINISH_LIMIT })
  return {
    async finish() {
      await printing.finish()
      journal[Symbol.dispose]()
    },
  }
}

/** An event as an entry; undefined: it makes none. */
export function journalFields(event: Event): JournalFields | undefined {
  if (event.kind === 'step.progress' || event.kind === 'task.progress') return undefined
  const { kind, seq, time, host } = event
  const text = formatEvent(event).slice(TIME_OF_DAY.length)
  return {
    MESSAGE: text.split('\n').map(printable).join('\n'),
    PRIORITY: priority(event),
    SYSLOG_IDENTIFIER: 'speediso',
    SPEEDISO_SEQ: String(seq),
    SPEEDISO_TIME: time,
    SPEEDISO_HOST: host,
    SPEEDISO_KIND: kind,
    ...('task' in event && event.task !== undefined ? { SPEEDISO_TASK: event.task } : {}),
    ...('step' in event && event.step !== undefined ? { SPEEDISO_STEP: event.step } : {}),
    ...('verdict' in event && event.verdict !== null ? { SPEEDISO_VERDICT: event.verdict } : {}),
    ...(event.kind === 'reading' ? readingFields(event) : {}),
  }
}

/** What formatEvent begins with; the journal has its own times. */
const TIME_OF_DAY = 'HH:MM:SS '

function readingFields({ name, value, unit }: Extract<Event, { kind: 'reading' }>): JournalFields {
  return {
    SPEEDISO_NAME: name,
    SPEEDISO_VALUE: String(value),
    ...(unit === undefined ? {} : { SPEEDISO_UNIT: unit }),
  }
}

function priority(event: Event): string {
  switch (event.kind) {
    case 'log':
      return { debug: DEBUG, info: INFO, warning: WARNING, error: ERROR }[event.level]
    case 'reading':
    case 'step.progress':
    case 'task.progress':
    case 'step.start':
      return INFO
    case 'job.start':
    case 'task.start':
      return NOTICE
    case 'step.end':
      return event.verdict === 'passed' ? INFO : bad(event.verdict)
    case 'task.end':
    case 'job.end':
      return event.verdict === 'passed' || event.verdict === null ? NOTICE : bad(event.verdict)
  }
}

function bad(verdict: 'failed' | 'unknown'): string {
  return verdict === 'failed' ? ERROR : WARNING
}
