import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeSync } from 'node:fs'
import { SpeedisoError } from '../errors.ts'
import { THAW_GUARD } from '../system/worker/kinds.ts'
import { type FreezeCall, type FreezeIo, loadFreezeIo } from './freeze-ioctl.ts'

/** A process that thaws a filesystem when the one that froze it does not. */
export interface ThawGuard {
  /**
   * The filesystem is not frozen by us any more: the guard ends without a thaw. `false`: it may still be, and the guard
   * tries at once.
   */
  release(thawed: boolean): Promise<void>
}

/**
 * Starts the guard of the filesystem that an open file lies on. What is dirty there has been written back once it is
 * ready, so that the freeze that follows is short.
 * @throws SpeedisoError when it does not come to be ready, the signal's reason when that comes first
 */
export type StartThawGuard = (fd: number, signal: AbortSignal) => Promise<ThawGuard>

/** Milliseconds. Longer than any thaw takes, shorter than what waits for a write gives up (systemd: 90 s). */
const LIMIT = 10_000
/** Pause between two tries to thaw, in milliseconds. */
const AGAIN = 1000
const DIRECTORY = 3
const HELLO = 0x68
const THAWED = 0x74

/** @param program the command of this program @param limit milliseconds until the guard thaws by itself */
export function createStartThawGuard(program: readonly string[], limit: number = LIMIT): StartThawGuard {
  return async (fd, signal) => {
    signal.throwIfAborted()
    const [file = '', ...args] = program
    // A group of its own: Ctrl+C and the like end this process and not the guard. The open file and not a path: nothing
    // can be mounted over it.
    const child = spawn(file, [...args, THAW_GUARD, `${limit}`], {
      stdio: ['pipe', 'pipe', 'pipe', fd],
      detached: true,
    })
    const { stdin, stdout, stderr } = child
    if (stdin === null || stdout === null || stderr === null)
      throw new SpeedisoError('the guard has no pipes')
    const ended = once(child, 'close').then(
      () => undefined,
      () => undefined,
    )
    stdin.on('error', () => {})
    const ready = Promise.withResolvers<void>()
    const abort = () => ready.reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    let said = ''
    let complaint = ''
    stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (said === 'ready\n') ready.resolve()
    })
    stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(-1000)
    })
    child.once('error', (cause) => ready.reject(new SpeedisoError('the guard did not start', { cause })))
    void ended.then(() =>
      ready.reject(new SpeedisoError(`the guard ended before the freeze: ${complaint.trim()}`)),
    )
    stdin.write(Buffer.of(HELLO))
    try {
      await ready.promise
    } catch (error) {
      // Nothing is frozen: the guard ends with its input, or is held by a disk that hangs.
      stdin.end(Buffer.of(THAWED))
      child.unref()
      for (const stream of [stdin, stdout, stderr]) stream.destroy()
      throw error
    } finally {
      signal.removeEventListener('abort', abort)
    }
    return {
      async release(thawed) {
        stdin.end(thawed ? Buffer.of(THAWED) : undefined)
        await ended
      },
    }
  }
}

/**
 * The whole of the guard's process: the filesystem of file descriptor 3 is thawed when stdin ends without the word that
 * it was, which is the end of the parent whatever that died of, or after its limit. Everything that this takes has run
 * once and is locked in memory before it says that it is ready: its own program may lie in an image on the very
 * filesystem, where a read can wait behind a write that waits for the thaw (a loop device does one after another).
 */
export async function runThawGuard(limit: number, io?: FreezeIo): Promise<void> {
  const calls = io ?? (await loadFreezeIo())
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
  const failed = calls.sync(DIRECTORY)
  if (failed !== 0) throw new SpeedisoError(`syncfs(2) failed, errno ${failed}`)
  calls.lockMemory()
  guard(calls, limit, 'rehearse', HELLO)
  writeSync(1, 'ready\n')
  guard(calls, limit, 'thaw', THAWED)
  process.exit(0)
}

/** Waits for the word, and thaws when the stream ends without it or it does not come in time. */
function guard(io: FreezeIo, limit: number, what: FreezeCall, word: number): void {
  let thawed = false
  let wait = limit
  while (true) {
    const byte = io.readByte(0, wait)
    if (byte === word && what === 'thaw') return
    // EINVAL while the parent is still about to freeze: again later, as long as it lives.
    if (!thawed) thawed = io.call(DIRECTORY, what) === 0
    if (byte === word || byte === 'end') return
    wait = AGAIN
  }
}
