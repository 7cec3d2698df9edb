import { posix } from 'node:path'
import { ReadError } from '../../../src/errors.ts'
import type { MachineRoot } from '../../../src/system/machine-root.ts'

/** A file's text, its bytes, a link, an empty directory, or the error that reading it gives. */
export type Entry = string | { base64: string } | { link: string } | { dir: true } | { error: string }

/** A file tree in memory: tests change thousands of them, and some errors cannot be made on a disk. */
export interface MemoryRoot extends MachineRoot {
  /** Writes through links; null takes away what is there. */
  put(path: string, entry: Entry | null): void
}

const isLink = (entry: Entry | undefined): entry is { link: string } =>
  typeof entry === 'object' && 'link' in entry

// As in src/system/machine-root.ts: these mean that there is nothing to read.
const NOTHING = new Set(['ENOENT', 'ENOTDIR', 'ENODEV', 'ENXIO', 'EINVAL', 'EOPNOTSUPP'])

export function createMemoryRoot(dir: string): MemoryRoot {
  const entries = new Map<string, Entry>()
  const names = new Map<string, Set<string>>()

  function set(path: string, entry: Entry): void {
    entries.set(path, entry)
    const above = posix.dirname(path)
    if (path === '/') return
    if (!names.has(above)) names.set(above, new Set())
    names.get(above)?.add(posix.basename(path))
  }

  function remove(path: string): void {
    for (const name of names.get(path) ?? []) remove(posix.join(path, name))
    names.delete(path)
    entries.delete(path)
    names.get(posix.dirname(path))?.delete(posix.basename(path))
  }

  /** The path without links on the way; `last` says whether the end is followed too. */
  function real(path: string, last: boolean, depth = 0): string {
    const parts = posix.resolve('/', path).split('/').slice(1)
    let at = '/'
    for (const [index, part] of parts.entries()) {
      const next = posix.join(at, part)
      const entry = entries.get(next)
      const end = index === parts.length - 1
      if (!isLink(entry) || (end && !last) || depth > 30) at = next
      else at = real(posix.resolve(at, entry.link), true, depth + 1)
    }
    return at
  }

  function addParents(path: string): void {
    for (let at = posix.dirname(path); !entries.has(at); at = posix.dirname(at)) set(at, { dir: true })
  }

  function get(path: string, last = true): Entry | undefined {
    const entry = entries.get(real(path, last))
    if (typeof entry === 'object' && 'error' in entry) {
      if (NOTHING.has(entry.error)) return undefined
      throw new ReadError(`${path}: ${entry.error}`, { facts: { path, code: entry.error } })
    }
    return entry
  }

  const readBytes = async (path: string) => {
    const entry = get(path)
    if (typeof entry === 'string') return Buffer.from(entry)
    if (entry === undefined) return undefined
    if ('base64' in entry) return Buffer.from(entry.base64, 'base64')
    throw new ReadError(`${path}: EISDIR`, { facts: { path, code: 'EISDIR' } })
  }

  set('/', { dir: true })
  return {
    dir,
    path: (path) => posix.join(dir, path),
    put(path, entry) {
      const at = real(path, entry !== null && !isLink(entry))
      if (entry === null) {
        remove(at)
        return
      }
      addParents(at)
      if (!(typeof entry === 'object' && 'dir' in entry && entries.has(at))) set(at, entry)
      if (isLink(entry)) {
        const target = posix.resolve(posix.dirname(at), entry.link)
        addParents(target)
        if (!entries.has(target)) set(target, { dir: true })
      }
    },
    readBytes,
    readText: async (path) => (await readBytes(path))?.toString('utf8').trim(),
    readHead: async (path, limit) => (await readBytes(path))?.subarray(0, limit),
    list: async (path) => {
      const entry = get(path)
      if (typeof entry !== 'object' || !('dir' in entry)) return undefined
      return [...(names.get(real(path, true)) ?? [])].sort()
    },
    readLink: async (path) => {
      const entry = get(path, false)
      return isLink(entry) ? entry.link : undefined
    },
    exists: async (path) => get(path, false) !== undefined,
  }
}
