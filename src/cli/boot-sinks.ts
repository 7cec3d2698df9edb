import { printEvents } from '../runtime/console.ts'
import type { EventLog } from '../runtime/event-log.ts'
import type { Event } from '../runtime/events.ts'
import { formatEvent } from '../runtime/format.ts'
import { openConsoles } from '../runtime/sinks/console.ts'
import { openJournalSink } from '../runtime/sinks/journal.ts'
import { openJournal } from '../system/journal/journal.ts'
import { type CliContext, printLine } from './context.ts'

/** Where people at the machine see its boot. */
export interface BootSinks extends AsyncDisposable {
  /** A line that is no event, such as the address of the live log. */
  print(line: string): void
}

/** The kernel's consoles and the journal; standard output for a trial, and where there is neither. */
export async function openBootSinks(
  events: EventLog,
  trial: boolean,
  { root, exec, stdout }: CliContext,
): Promise<BootSinks> {
  const consoles = trial ? undefined : await openConsoles(root)
  const journal = trial ? undefined : await openJournal({ root, exec })
  const plain = (consoles?.count ?? 0) === 0 && journal === undefined
  // What an earlier process of this boot has said stands there.
  const since = events.last
  const show = (event: Event) => {
    consoles?.show(event)
    if (plain) printLine(stdout, formatEvent(event))
  }
  const printing = printEvents(events, show, { since })
  // On its own, because a journal that is slow must not hold up the consoles.
  const writing = journal === undefined ? undefined : openJournalSink({ journal, events, since })
  return {
    print(line) {
      consoles?.print(line)
      if (plain) printLine(stdout, line)
    },
    async [Symbol.asyncDispose]() {
      await printing.finish()
      await consoles?.finish()
      await writing?.finish()
    },
  }
}
