import type { MachineRoot } from '../../machine-root.ts'
import { isWithin } from './mount-table.ts'

/** Names of processes that are told at most. */
const AT_MOST = 5

/** Processes that have their folder, root, program or a file at this path or below it, as `name (pid)`. */
export async function processesAt(root: MachineRoot, path: string): Promise<string[]> {
  const found: string[] = []
  const pids = ((await root.list('/proc')) ?? []).filter((name) => /^\d+$/.test(name))
  for (const pid of pids) {
    if (!(await holdsPath(root, pid, path))) continue
    const name = await root.readText(`/proc/${pid}/comm`).catch(() => undefined)
    found.push(`${name ?? 'a process'} (${pid})`)
    if (found.length === AT_MOST) break
  }
  return found
}

async function holdsPath(root: MachineRoot, pid: string, path: string): Promise<boolean> {
  const descriptors = (await root.list(`/proc/${pid}/fd`).catch(() => undefined)) ?? []
  for (const link of ['cwd', 'root', 'exe', ...descriptors.map((fd) => `fd/${fd}`)]) {
    // Processes end while they are looked at.
    const target = await root.readLink(`/proc/${pid}/${link}`).catch(() => undefined)
    if (target?.startsWith('/') && isWithin(target.replace(/ \(deleted\)$/, ''), path)) return true
  }
  return false
}
