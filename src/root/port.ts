import { type FileHandle, link, open, rename, rmdir, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
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
    const file = await open(at(path), 'r').catch(ignoreMissing)
    if (file !== undefined) held.push(file)
  }
  const release = async () => {
    for (const file of held.splice(0)) await file.close()
  }
  return {
    link: (from, to) => link(at(from), at(to)),
    async rename(from, to, optional) {
      await hold(to)
      await rename(at(from), at(to)).catch(optional ? ignoreMissing : fail)
    },
    async unlink(path) {
      if (path !== names.flag) await hold(path)
      await unlink(at(path)).catch(async (error: NodeJS.ErrnoException) => {
        // People make the flag in many ways, also as a folder.
        if (error.code !== 'EISDIR') return ignoreMissing(error)
        await rmdir(at(path)).catch((cause: unknown) =>
          say('warning', `${path} could not be removed: ${explainInLine(cause)}`),
        )
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

function fail(error: unknown): never {
  throw error
}
