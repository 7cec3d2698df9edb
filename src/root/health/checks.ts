import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** Where an image, or its instantiation, puts programs that tell whether this host is well. */
export const HEALTH_FOLDER = '/etc/speediso/health.d'

export interface HealthCheck {
  name: string
  path: string
}

export interface HealthFolder {
  /** In the order of their names. */
  checks: readonly HealthCheck[]
  /** Files that are not run, and why. */
  skipped: readonly { name: string; why: string }[]
}

/** What editors and package managers leave beside a file (systemd, src/basic/path-util.c: hidden_or_backup_file). */
const BACKUP =
  /~$|\.(?:rpmnew|rpmsave|rpmorig|dpkg-(?:old|new|tmp|dist|bak|backup|remove)|ucf-(?:new|old|dist)|swp|bak|old|new|orig)$/

/** Finds the checks; none when there is no such folder. @throws the errors of the filesystem, when it cannot be told */
export async function findChecks(folder: string): Promise<HealthFolder> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const checks: HealthCheck[] = []
  const skipped: { name: string; why: string }[] = []
  // By code units, so that the order is the same in every locale.
  for (const name of names.sort()) {
    const why = await reasonToSkip(join(folder, name), name)
    if (why === undefined) checks.push({ name, path: join(folder, name) })
    else skipped.push({ name, why })
  }
  return { checks, skipped }
}

async function reasonToSkip(path: string, name: string): Promise<string | undefined> {
  if (name.startsWith('.')) return 'is hidden'
  if (BACKUP.test(name)) return 'is a backup'
  const stats = await stat(path).catch((error: NodeJS.ErrnoException) => {
    // A link that leads nowhere is a check that somebody wanted: it must not pass by not being run.
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (stats === undefined) return undefined
  if (!stats.isFile()) return 'is no file'
  return (stats.mode & 0o111) === 0 ? 'is not executable' : undefined
}
