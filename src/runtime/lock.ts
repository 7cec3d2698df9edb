import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { InputError } from '../errors.ts'

/**
 * Makes sure that no other living process uses this folder; a lock that a dead one left is taken over.
 * @throws InputError when another process is at work there
 */
export function takeLock(path: string): void {
  const own = `${process.pid} ${startTime(process.pid)}`
  for (let attempt = 0; attempt < 2; attempt += 1) {
    try {
      writeFileSync(path, own, { flag: 'wx' })
      return
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
    }
    const holder = readFileSync(path, 'utf8')
    if (holder === own) return
    const [pid = '', started] = holder.split(' ')
    if (/^\d+$/.test(pid) && startTime(Number(pid)) === started) {
      throw new InputError(`speediso is at work already (process ${pid})`, {
        hint: 'speediso log follows it',
      })
    }
    rmSync(path, { force: true })
  }
  throw new InputError(`${path}: another speediso was faster`, { hint: 'speediso log follows it' })
}

/** Start of a process in clock ticks, field 22 of proc_pid_stat(5): it tells a process from a later one of its number. */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold spaces; field 3 follows it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
