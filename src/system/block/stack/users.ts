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

/**
 * Processes that have one of these block devices open for writing, as `name (pid)`: nothing that the kernel refuses, and
 * what they write would come after the erase. Those that only read, such as monitors, do no harm.
 */
export async function writersOf(root: MachineRoot, paths: readonly string[]): Promise<string[]> {
  const found: string[] = []
  const pids = ((await root.list('/proc')) ?? []).filter((name) => /^\d+$/.test(name))
  for (const pid of pids) {
    if (Number(pid) === process.pid || !(await writes(root, pid, paths))) continue
    const name = await root.readText(`/proc/${pid}/comm`).catch(() => undefined)
    found.push(`${name ?? 'a process'} (${pid})`)
    if (found.length === AT_MOST) break
  }
  return found
}

async function writes(root: MachineRoot, pid: string, paths: readonly string[]): Promise<boolean> {
  for (const fd of (await root.list(`/proc/${pid}/fd`).catch(() => undefined)) ?? []) {
    const target = await root.readLink(`/proc/${pid}/fd/${fd}`).catch(() => undefined)
    if (target === undefined || !paths.includes(target)) continue
    const info = (await root.readText(`/proc/${pid}/fdinfo/${fd}`).catch(() => undefined)) ?? ''
    // The low two bits are O_WRONLY or O_RDWR (open(2)); what cannot be read counts as writing.
    const flags = /^flags:\s*([0-7]+)$/m.exec(info)?.[1]
    if (flags === undefined || (Number.parseInt(flags, 8) & 3) !== 0) return true
  }
  return false
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
