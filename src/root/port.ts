import type { Stats } from 'node:fs'
import { constants, type FileHandle, link, lstat, open, rename, rmdir, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { explainInLine } from '../errors.ts'
import { writeText } from '../system/write-file.ts'
import type { RootPort } from './apply.ts'
import type { Settled } from './freeze.ts'
import type { ImageNames } from './names.ts'
import { writeRecord } from './record-file.ts'
import type { LoaderTrial } from './schema.ts'

export interface PortDeps {
  /** Where hostpart is mounted. */
  hostpart: string
  names: ImageNames
  settle: (dir: string) => Promise<Settled>
  /** Undefined: there is no boot loader that counts. */
  writeLoader: ((trial: LoaderTrial | undefined) => Promise<void>) | undefined
  say: (level: 'info' | 'warning', text: string) => void
}

/** The real hostpart. Every call has reached the disk when it ends, but for names, which `sync` brings there. */
export function createRootPort({ hostpart, names, settle, writeLoader, say }: PortDeps): RootPort {
  const at = (path: string) => join(hostpart, path)
  const held: FileHandle[] = []
  // A file that is replaced is freed only once it is closed. Freed before the settle, its emptied inode could reach the
  // disk before the folder that still names it: GRUB would find an empty image.
  const hold = async (path: string) => {
    // To open a pipe would wait for its other end.
    if (!(await statOf(at(path)))?.isFile()) return
    const file = await open(at(path), constants.O_RDONLY | constants.O_NOFOLLOW).catch(ignoreMissing)
    if (file !== undefined) held.push(file)
  }
  const release = async () => {
    for (const file of held.splice(0)) await file.close()
  }
  /** What is in the way of a name and is no image keeps its content, under a name that nothing looks for. */
  const clear = async (path: string, inTheWay: (found: Stats) => boolean) => {
    const found = await statOf(at(path))
    if (found === undefined || !inTheWay(found)) return
    const free = await freeName(at(path))
    await rename(at(path), free)
    say('warning', `${path} was in the way: it is ${basename(free)} now`)
  }
  return {
    async link(from, to) {
      await clear(to, () => true)
      await link(at(from), at(to))
    },
    async rename(from, to, { optional, mayStay }) {
      try {
        // Anything else is replaced by the rename itself.
        await clear(to, (found) => found.isDirectory())
        // rename(2) leaves two names of one file as they are, and says that it is done.
        if (await isOneFile(at(from), at(to))) await unlink(at(from))
        else {
          await hold(to)
          await rename(at(from), at(to))
        }
        return true
      } catch (error) {
        if (optional) return ignoreMissing(error as NodeJS.ErrnoException) === undefined
        if (!mayStay || !IN_THE_WAY.has(String((error as NodeJS.ErrnoException).code))) throw error
        say('warning', `${from} cannot be set aside as ${to} and stays: ${explainInLine(error)}`)
        return false
      }
    },
    async unlink(path) {
      if (path !== names.flag) await hold(path)
      await unlink(at(path)).catch(async (error: NodeJS.ErrnoException) => {
        // People make the flag in many ways, also as a folder.
        if (error.code !== 'EISDIR') return ignoreMissing(error)
        // With something in it, it would be a request again in every boot.
        await rmdir(at(path)).catch(() => clear(path, () => true))
      })
    },
    async create(path) {
      await using file = await open(at(path), 'a', 0o644)
      await file.sync()
    },
    async writeText(path, text) {
      await writeText(at(path), text, 0o644).catch((error: unknown) =>
        say('warning', `${path} could not be written: ${explainInLine(error)}`),
      )
    },
    end: release,
    async sync() {
      for (const folder of new Set([hostpart, dirname(at(names.current))])) {
        await using directory = await open(folder, 'r')
        await directory.sync()
      }
    },
    writeRecord: (record) => writeRecord(hostpart, record),
    async writeLoader(trial) {
      if (writeLoader !== undefined) await writeLoader(trial)
    },
    async settle() {
      const settled = await settle(hostpart)
      await release()
      if (settled.how === 'frozen') return true
      say('warning', `GRUB may not see the change until the next clean unmount: ${settled.reason}`)
      return false
    },
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
  return undefined
}

/** rename(2): what is there, or a mount point, forbids it; a disk that fails is another matter. */
const IN_THE_WAY = new Set(['EBUSY', 'EEXIST', 'EISDIR', 'ENOTDIR', 'ENOTEMPTY', 'EXDEV'])

async function statOf(path: string): Promise<Stats | undefined> {
  return lstat(path).catch(ignoreMissing)
}

async function isOneFile(one: string, other: string): Promise<boolean> {
  const [a, b] = [await statOf(one), await statOf(other)]
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino
}

async function freeName(path: string): Promise<string> {
  for (let n = 1; ; n += 1) {
    const name = `${path}.aside${n === 1 ? '' : `-${n}`}`
    if ((await statOf(name)) === undefined) return name
  }
}
