import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { constants, copyFile, mkdir, open, readdir, realpath, rm, stat, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { InputError } from '../../errors.ts'
import { formatAmount } from '../../runtime/format.ts'
import { notOwn, ownSubfolder } from '../own-folder.ts'
import { FinalDeliveryError, NoRoomError } from './errors.ts'

/** Bytes of hostpart that stay free beside an image: its record, its log, what the filesystem itself takes. */
export const RESERVE = 256 * 2 ** 20

/** Whole blocks of zeros of that size, in bytes, are not written where there is a hole. */
const BLOCK = 64 * 1024
const ZEROS = Buffer.alloc(BLOCK)

const incomingOf = (hostpart: string) => ownSubfolder(hostpart, 'incoming')

/**
 * What lies among the partial downloads would be cleared away before it is read, however it is named.
 * @throws InputError when this file, or the link to it, lies there
 */
export async function checkOutside(file: string, hostpart: string): Promise<void> {
  const incoming = await stat(incomingOf(hostpart)).catch(() => undefined)
  if (incoming === undefined) return
  const real = await Promise.all(
    [realpath(file), realpath(dirname(file))].map((path) => path.catch(() => '/')),
  )
  for (let at of real) {
    for (; at !== '/'; at = dirname(at)) {
      const { dev, ino } = await stat(at)
      if (dev !== incoming.dev || ino !== incoming.ino) continue
      throw new InputError(`${file}: lies where partial downloads are cleared away`, {
        hint: 'move it elsewhere first',
      })
    }
  }
}

/** The folder of partial downloads, made when needed. What lies there of other images only takes room, and goes. */
export async function prepareIncoming(hostpart: string, part: string): Promise<string> {
  const folder = incomingOf(hostpart)
  const other = await notOwn(hostpart, 'incoming')
  if (other !== undefined)
    throw new InputError(`${other}: is no folder of its own, and what it leads to would be cleared away`, {
      hint: 'remove it',
    })
  await mkdir(folder, { recursive: true })
  for (const name of await readdir(folder)) {
    if (!name.startsWith(part)) await rm(join(folder, name), { recursive: true, force: true })
  }
  return join(folder, part)
}

/** The same name for the same image, so that it is gone on with. */
export function partName(source: string, sha256: string | undefined): string {
  return `${sha256 ?? createHash('sha256').update(source).digest('hex').slice(0, 32)}.part`
}

/** Makes the part file a copy that shares its blocks (ioctl_ficlonerange(2)); false where the filesystem cannot. */
export async function reflink(from: string, part: string): Promise<boolean> {
  try {
    await copyFile(from, part, constants.COPYFILE_FICLONE_FORCE)
    return true
  } catch (error) {
    // What it is differs from filesystem to filesystem; a mistake that matters comes again with the plain way.
    await rm(part, { force: true })
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw error
    return false
  }
}

/** Bytes that can still be written to a folder's filesystem. */
async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}

/** Bytes that a delivery may take of hostpart: what stays free is left out, and may be missing already. */
export async function roomOn(hostpart: string): Promise<number> {
  return Math.max(0, (await freeBytes(hostpart)) - RESERVE)
}

/** @throws NoRoomError that tells the amounts, when so many bytes do not fit */
export async function checkRoom(folder: string, bytes: number, reserve: number): Promise<void> {
  const free = await freeBytes(folder)
  if (bytes + reserve <= free) return
  const amount = (value: number) => formatAmount(value, 'bytes')
  throw new NoRoomError(
    `${folder} has ${amount(free)} free, and ${amount(bytes)} are to be written and ${amount(reserve)} to stay free`,
    { facts: { free, bytes, reserve } },
  )
}

/** Writes all of it; blocks of zeros are left out where the file is known to have a hole. */
export async function writeAt(
  file: FileHandle,
  bytes: Uint8Array,
  offset: number,
  hole: boolean,
): Promise<void> {
  if (!hole) return writeAll(file, bytes, offset)
  let from = 0
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + BLOCK - ((offset + at) % BLOCK))
    if (ZEROS.compare(bytes, at, end, 0, end - at) === 0) {
      if (from < at) await writeAll(file, bytes.subarray(from, at), offset + from)
      from = end
    }
    at = end
  }
  if (from < bytes.length) await writeAll(file, bytes.subarray(from), offset + from)
}

async function writeAll(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, offset + done)
    if (bytesWritten === 0) throw new FinalDeliveryError(`no byte more could be written at ${offset + done}`)
    done += bytesWritten
  }
}

/** Brings a file and its name onto the disk. */
export async function settle(path: string): Promise<void> {
  for (const each of [path, join(path, '..')]) {
    await using file = await open(each, 'r')
    await file.sync()
  }
}
