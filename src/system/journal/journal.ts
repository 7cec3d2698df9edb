import type { Exec } from '../exec.ts'
import type { MachineRoot } from '../machine-root.ts'
import { openDatagrams } from './datagram.ts'
import { encodeEntry, type JournalFields } from './entry.ts'

/** Writes entries to systemd's journal. Never blocks and never throws: an entry that it does not take is counted. */
export interface Journal extends AsyncDisposable {
  write(fields: JournalFields): void
  /** Entries that did not get there. */
  readonly lost: number
}

const SOCKET = '/run/systemd/journal/socket'

/** Entries that wait for `logger`, which takes one at a time. */
const QUEUE_LIMIT = 1000
/** Milliseconds that one `logger` may take. */
const LOGGER_LIMIT = 5000

/** This machine's journal, by its socket, or by `logger --journald` of util-linux; undefined when it has none. */
export async function openJournal(root: MachineRoot, exec: Exec): Promise<Journal | undefined> {
  if (!(await root.exists(SOCKET).catch(() => false))) return undefined
  const datagrams = await openDatagrams(root.path(SOCKET)).catch(() => undefined)
  if (datagrams === undefined) return openLogger(exec)
  let lost = 0
  return {
    write(fields) {
      if (!datagrams.send(encodeEntry(fields))) lost += 1
    },
    get lost() {
      return lost
    },
    async [Symbol.asyncDispose]() {
      datagrams[Symbol.dispose]()
    },
  }
}

/** Slower: a process an entry. Its lines are `NAME=value`, so a newline in a value is shown as a space. */
export function openLogger(exec: Exec): Journal {
  let lost = 0
  let waiting = 0
  let last: Promise<unknown> = Promise.resolve()
  return {
    write(fields) {
      if (waiting >= QUEUE_LIMIT) {
        lost += 1
        return
      }
      waiting += 1
      const lines = Object.entries(fields)
        .filter(([, value]) => value !== undefined && value !== '')
        .map(([name, value]) => `${name}=${String(value).replaceAll('\n', ' ')}\n`)
      last = last
        .then(() => exec('logger', ['--journald'], { input: lines.join(''), timeout: LOGGER_LIMIT }))
        .catch(() => {
          lost += 1
        })
        .finally(() => {
          waiting -= 1
        })
    },
    get lost() {
      return lost
    },
    async [Symbol.asyncDispose]() {
      await last
    },
  }
}
