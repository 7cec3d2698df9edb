import { lstat, mkdir, readdir, rm, utimes } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { writeFolder } from './output.ts'

/** A folder of results by the hash of what they were made from. */
export interface Cache {
  /** The folder of a finished entry, or undefined. */
  find(kind: string, key: string): Promise<string | undefined>
  /** Makes the entry if it is not there; `fill` writes into a private folder that becomes the entry when it is whole. */
  get(
    kind: string,
    key: string,
    fill: (folder: string) => Promise<void>,
  ): Promise<{ folder: string; made: boolean }>
}

/** `$XDG_CACHE_HOME/speediso`, `~/.cache/speediso` without it. */
export function defaultCacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const base = env.XDG_CACHE_HOME
  return join(base === undefined || base === '' ? join(homedir(), '.cache') : base, 'speediso')
}

/** @param keep entries of one kind that stay; the ones not used for the longest time go */
export function openCache(root: string, keep = 3): Cache {
  const find = async (kind: string, key: string) => {
    const folder = join(root, kind, key)
    if ((await lstat(folder).catch(() => undefined)) === undefined) return undefined
    const now = new Date()
    await utimes(folder, now, now)
    return folder
  }
  return {
    find,
    async get(kind, key, fill) {
      const found = await find(kind, key)
      if (found !== undefined) return { folder: found, made: false }
      await mkdir(join(root, kind), { recursive: true })
      const folder = join(root, kind, key)
      await writeFolder(folder, fill)
      await dropOld(join(root, kind), keep)
      return { folder, made: true }
    },
  }
}

async function dropOld(folder: string, keep: number): Promise<void> {
  const entries: { path: string; used: number }[] = []
  for (const name of await readdir(folder)) {
    if (name.startsWith('.')) continue
    const path = join(folder, name)
    entries.push({ path, used: (await lstat(path)).mtimeMs })
  }
  entries.sort((a, b) => b.used - a.used)
  for (const { path } of entries.slice(keep)) await rm(path, { recursive: true, force: true })
}
