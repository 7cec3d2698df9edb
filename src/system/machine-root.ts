import { lstat, open, readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { ReadError } from '../errors.ts'

/** The machine's file tree (`/`, or a recording of one): every reader of sysfs and procfs goes through it. */
export interface MachineRoot {
  /** `/` for the real machine. */
  readonly dir: string
  path(path: string): string
  /** Trimmed text; undefined when there is no such file. @throws ReadError when it is there and cannot be read */
  readText(path: string): Promise<string | undefined>
  readBytes(path: string): Promise<Buffer | undefined>
  /** At most `limit` bytes from the start. */
  readHead(path: string, limit: number): Promise<Buffer | undefined>
  /** Sorted names; undefined when there is no such directory. */
  list(path: string): Promise<string[] | undefined>
  readLink(path: string): Promise<string | undefined>
  exists(path: string): Promise<boolean>
}

// ENODEV, ENXIO: the device behind a sysfs file has gone; EINVAL: the attribute does not apply (speed of a card without link).
const ABSENT = new Set(['ENOENT', 'ENOTDIR', 'ENODEV', 'ENXIO', 'EINVAL', 'EOPNOTSUPP'])

export function createMachineRoot(dir = '/'): MachineRoot {
  const at = (path: string) => join(dir, path)
  async function attempt<T>(path: string, read: (real: string) => Promise<T>): Promise<T | undefined> {
    try {
      return await read(at(path))
    } catch (cause) {
      const code = (cause as NodeJS.ErrnoException).code ?? 'error'
      if (ABSENT.has(code)) return undefined
      throw new ReadError(`${path}: ${code}`, { facts: { path, code }, cause })
    }
  }
  return {
    dir,
    path: at,
    readText: (path) => attempt(path, async (real) => (await readFile(real, 'utf8')).trim()),
    readBytes: (path) => attempt(path, (real) => readFile(real)),
    readHead: (path, limit) =>
      attempt(path, async (real) => {
        await using file = await open(real, 'r')
        const { buffer, bytesRead } = await file.read(Buffer.alloc(limit), 0, limit, 0)
        return buffer.subarray(0, bytesRead)
      }),
    list: (path) => attempt(path, async (real) => (await readdir(real)).sort()),
    readLink: (path) => attempt(path, (real) => readlink(real)),
    exists: async (path) => (await attempt(path, (real) => lstat(real))) !== undefined,
  }
}
