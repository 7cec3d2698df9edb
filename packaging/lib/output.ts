import { randomBytes } from 'node:crypto'
import { lstat, mkdir, open, readdir, rename, rm, symlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { BuildError } from './errors.ts'

const TEMPORARY = /^\.tmp-(\d+)-/

/** A folder name beside the output that says whose it is: a later build removes it when that process is gone. */
function temporaryName(): string {
  return `.tmp-${process.pid}-${randomBytes(4).toString('hex')}`
}

/** Whether the process runs (also when it belongs to somebody else). */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Removes what builds left in `folder` that were killed before they could clean up. */
export async function removeStale(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const pid = TEMPORARY.exec(name)?.[1]
    if (pid !== undefined && !isAlive(Number(pid)))
      await rm(join(folder, name), { recursive: true, force: true })
  }
}

/** Runs `work` with a private folder in `parent`, which is gone afterwards whatever happens. */
export async function withTemporary<T>(parent: string, work: (folder: string) => Promise<T>): Promise<T> {
  await mkdir(parent, { recursive: true })
  await removeStale(parent)
  const folder = join(parent, temporaryName())
  // Others may pass through (apt drops its privileges) but not look around.
  await mkdir(folder, { mode: 0o711 })
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/**
 * Makes the folder `target` whole or not at all: `fill` writes into a hidden sibling, which is written through to
 * the disk and then renamed.
 * @throws BuildError when the target is there already
 */
export async function writeFolder<T>(target: string, fill: (folder: string) => Promise<T>): Promise<T> {
  return withTemporary(dirname(target), async (temporary) => {
    const inner = join(temporary, basename(target))
    await mkdir(inner)
    const result = await fill(inner)
    await syncFolder(inner)
    if ((await lstat(target).catch(() => undefined)) !== undefined) {
      throw new BuildError(`${target} is there already`, {
        hint: 'remove it, or build with another BUILD_NUMBER',
      })
    }
    await rename(inner, target)
    await syncPath(dirname(target))
    return result
  })
}

/** Makes `link` point to `name` (a sibling), in one step. */
export async function pointLink(link: string, name: string): Promise<void> {
  const temporary = join(dirname(link), `${temporaryName()}-link`)
  await symlink(name, temporary)
  try {
    await rename(temporary, link)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncPath(dirname(link))
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function syncFolder(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await syncFolder(path)
    else if (entry.isFile()) await syncPath(path)
  }
  await syncPath(folder)
}
