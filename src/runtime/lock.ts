import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { InputError, SpeedisoError } from '../errors.ts'
import { quoteCommand } from '../system/exec.ts'
import { EAGAIN, type Flock, loadFlock } from './flock.ts'
import { RUN_DIR } from './paths.ts'

/** Somebody else is at work there. */
export class LockedError extends InputError {}

/**
 * Makes sure that no other process uses this folder, until it is disposed of or this process ends. The file stays; what
 * stands in it is for people, and the kernel's lock on it is what counts.
 * @throws LockedError when another process is at work there, SpeedisoError where it cannot be told
 */
export async function takeLock(path: string, hint: string = hintFor(path)): Promise<Disposable> {
  const flock = await loadFlock()
  // By number, as nothing may close it before its time.
  const { fd, file } = openLock(path)
  let taken = false
  try {
    let errno = flock.lock(fd)
    let holder = errno === 0 ? undefined : readHolder(path)
    // One that was killed ends thread by thread, and one that has just begun has not written who it is.
    for (
      let tries = 0;
      errno === EAGAIN && holder?.alive !== true && !isOwn(fd) && tries < MOMENTS;
      tries += 1
    ) {
      await sleep(MOMENT)
      errno = flock.lock(fd)
      holder = errno === 0 ? undefined : readHolder(path)
    }
    // What is this process's own stays with whoever has taken it.
    if (errno === EAGAIN && isOwn(fd)) return { [Symbol.dispose]() {} }
    const locked = () =>
      new LockedError(`speediso is at work already${holder?.alive ? ` (process ${holder.pid})` : ''}`, {
        hint,
      })
    if (errno === EAGAIN) throw locked()
    if (errno !== 0) throw new SpeedisoError(`${path}: cannot be locked (errno ${errno})`)
    if (file && folderIsLocked(dirname(path), flock)) throw locked()
    taken = true
  } finally {
    if (!taken) closeSync(fd)
  }
  if (file) write(fd, `${process.pid} ${startTime(process.pid)}`)
  return {
    [Symbol.dispose]() {
      // Once: the number may be another file's by then.
      if (!taken) return
      taken = false
      if (file) write(fd, '')
      closeSync(fd)
    },
  }
}

/** So often, so many milliseconds apart. */
const MOMENTS = 10
const MOMENT = 50
/** Milliseconds between two attempts. */
const PAUSE = 1000

/** The same, and waits while somebody else is at work. @throws LockedError when `until` is aborted before */
export async function waitForLock(path: string, until: AbortSignal, hint?: string): Promise<Disposable> {
  for (;;) {
    try {
      return await takeLock(path, hint)
    } catch (error) {
      if (!(error instanceof LockedError) || until.aborted) throw error
    }
    // Aborted, it looks once more: that it is free now counts.
    await sleep(PAUSE, undefined, { signal: until }).catch(() => {})
  }
}

/** The file of a lock; the folder that it would be in where there is no room for one, as to lock takes no byte. */
function openLock(path: string): { fd: number; file: boolean } {
  try {
    return { fd: openSync(path, constants.O_RDWR | constants.O_CREAT, 0o644), file: true }
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code !== 'ENOSPC' && code !== 'EDQUOT' && code !== 'ENOENT') throw cause
  }
  const folder = dirname(path)
  return { fd: openSync(existsSync(folder) ? folder : dirname(folder), 'r'), file: false }
}

/** Whether this process holds the lock, as the kernel has it (proc_locks(5)): there may have been no room for its text. */
function isOwn(fd: number): boolean {
  const held = new RegExp(`: FLOCK .* ${process.pid} \\S+:${fstatSync(fd).ino} `)
  return readFileSync('/proc/locks', 'utf8')
    .split('\n')
    .some((line) => held.test(line))
}

/** Whether somebody found no room for the file, and has locked its folder. */
function folderIsLocked(folder: string, { lock }: Flock): boolean {
  const fd = openSync(folder, 'r')
  try {
    return lock(fd, true) === EAGAIN
  } finally {
    closeSync(fd)
  }
}

function write(fd: number, text: string): void {
  try {
    ftruncateSync(fd, 0)
    writeSync(fd, text, 0)
  } catch {
    // It only tells people who it is.
  }
}

/** Only the job of a boot serves a live log for certain. */
function hintFor(path: string): string {
  const dir = dirname(path)
  return dir === RUN_DIR
    ? 'speediso log follows it'
    : `${quoteCommand('speediso', ['status', '--run-dir', dir])} shows it`
}

/** The process that works in a folder. */
export interface Holder {
  pid: number
  /** False: it ended without giving the lock back, or another process has its number now. */
  alive: boolean
}

/** Who holds this lock; undefined when there is none. */
export function readHolder(path: string): Holder | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
  const [, pid, started] = /^(\d+) (\d+)$/.exec(text.trim()) ?? []
  return pid === undefined ? undefined : { pid: Number(pid), alive: startTime(Number(pid)) === started }
}

/**
 * Start of a process in clock ticks, field 22 of proc_pid_stat(5): it tells a process from a later one of its number.
 * Undefined for one that has ended: a zombie (Z, X) only waits for its parent.
 */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold spaces; field 3 follows it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]
  } catch {
    return undefined
  }
}
