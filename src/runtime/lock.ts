import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { InputError } from '../errors.ts'
import { quoteCommand } from '../system/exec.ts'
import { RUN_DIR } from './paths.ts'

/**
 * Makes sure that no other living process uses this folder; a lock that a dead one left is taken over.
 * @throws InputError when another process is at work there
 */
export function takeLock(path: string, hint: string = hintFor(path)): void {
  const own = `${process.pid} ${startTime(process.pid)}`
  for (let attempt = 0; attempt < 2; attempt += 1) {
    try {
      writeFileSync(path, own, { flag: 'wx' })
      return
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException
      // A full /run must not keep the machine from doing its job; two that start at once are the lesser danger.
      if (code === 'ENOSPC') return
      if (code !== 'EEXIST') throw cause
    }
    const holder = readHolder(path)
    if (holder?.pid === process.pid && holder.alive) return
    if (holder?.alive) {
      throw new InputError(`speediso is at work already (process ${holder.pid})`, { hint })
    }
    rmSync(path, { force: true })
  }
  throw new InputError(`${path}: another speediso was faster`, { hint })
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
