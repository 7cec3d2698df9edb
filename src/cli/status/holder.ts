import { readFile } from 'node:fs/promises'

/** The process that works in a folder, by the lock that it left there (runtime/lock.ts). */
export interface Holder {
  pid: number
  /** False: it ended without giving the lock back, or another process has its number now. */
  alive: boolean
}

/** Undefined when there is no lock. */
export async function readHolder(lock: string): Promise<Holder | undefined> {
  const text = await readFile(lock, 'utf8').catch(() => undefined)
  const [, pid, started] = /^(\d+) (\d+)$/.exec(text?.trim() ?? '') ?? []
  if (pid === undefined) return undefined
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // Field 22 of proc_pid_stat(5); the name in parentheses may hold spaces, field 3 follows it.
  const now = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  return { pid: Number(pid), alive: now === started }
}
