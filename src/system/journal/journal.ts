import { setTimeout as sleep } from 'node:timers/promises'
import { ToolMissingError } from '../../errors.ts'
import { printable } from '../../printable.ts'
import type { Exec } from '../exec.ts'
import type { MachineRoot } from '../machine-root.ts'
import { type DatagramSocket, openDatagramSocket } from './datagram.ts'
import { encodeEntry, fitEntry, type JournalFields } from './entry.ts'

/** systemd-journald's socket for the native protocol (systemd-journald.service(8)). */
const SOCKET = '/run/systemd/journal/socket'

/** Entries are cut to this, in bytes; Linux takes datagrams of about 200 KiB (net.core.wmem_default). */
const ENTRY_LIMIT = 48 * 1024
/** The same where a datagram of that size is refused. */
const SMALL_ENTRY_LIMIT = 2048

/** Waiting time while the journal takes nothing, in milliseconds; it grows from one to the other. */
const SHORTEST_WAIT = 10
const LONGEST_WAIT = 1000
/** `logger` for one entry, in milliseconds. */
const LOGGER_LIMIT = 10_000

export interface Journal extends Disposable {
  /** Whether each entry costs a process. */
  readonly slow: boolean
  /** Waits, without blocking, until the journal has taken it, or the signal. Never throws. */
  write(fields: JournalFields, signal: AbortSignal): Promise<void>
}

export interface JournalDependencies {
  root: MachineRoot
  exec: Exec
  openSocket?: typeof openDatagramSocket
}

/** This machine's journal; undefined when it has none, as without systemd. */
export async function openJournal(deps: JournalDependencies): Promise<Journal | undefined> {
  const { root, exec, openSocket = openDatagramSocket } = deps
  if (!(await root.exists(SOCKET).catch(() => false))) return undefined
  const path = root.path(SOCKET)
  const socket = await openSocket(path)
  return socket === undefined ? loggerJournal(exec) : socketJournal(socket, () => openSocket(path))
}

function socketJournal(first: DatagramSocket, reopen: () => Promise<DatagramSocket | undefined>): Journal {
  let socket: DatagramSocket | undefined = first
  const close = () => {
    socket?.[Symbol.dispose]()
    socket = undefined
  }
  return {
    slow: false,
    async write(fields, signal) {
      let limit = ENTRY_LIMIT
      for (let wait = SHORTEST_WAIT; ; wait = Math.min(2 * wait, LONGEST_WAIT)) {
        socket ??= await reopen()
        const sending = socket?.send(encodeEntry(fitEntry(fields, limit))) ?? 'gone'
        if (sending === 'sent') return
        if (sending === 'too large' && limit === SMALL_ENTRY_LIMIT) return
        if (sending === 'too large') limit = SMALL_ENTRY_LIMIT
        else {
          if (sending === 'gone') close()
          await sleep(wait, undefined, { signal }).catch(() => undefined)
          if (signal.aborted) return
        }
      }
    },
    [Symbol.dispose]: close,
  }
}

/** By `logger --journald` (util-linux), which reads an entry as lines, so that a value is one line. */
function loggerJournal(exec: Exec): Journal {
  let missing = false
  return {
    slow: true,
    async write(fields, signal) {
      if (missing) return
      const lines = Object.entries(fitEntry(fields, ENTRY_LIMIT)).map(
        ([name, value]) => `${name}=${printable(value)}\n`,
      )
      const options = { input: lines.join(''), timeout: LOGGER_LIMIT, signal }
      await exec('logger', ['--journald'], options).catch((error: unknown) => {
        missing ||= error instanceof ToolMissingError
      })
    },
    [Symbol.dispose]() {},
  }
}
