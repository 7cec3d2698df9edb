import type { BigIntStats } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { ReadError } from '../../errors.ts'
import { IMAGE_ROLES, type ImageNames, type ImageRole } from '../names.ts'
import type { FileKey } from '../record.ts'

/** What of the protocol lies on hostpart. */
export interface FoundFiles {
  /** A candidate is among them whatever it is, so that it is refused; of the others only what is a file itself. */
  files: Partial<Record<ImageRole, FileKey>>
  /** What has one of the names and is no file itself: what it is, for people. */
  odd: Partial<Record<ImageRole, string>>
  /** GRUB follows a link, and may boot what it leads to; a rename would put another image in its place. */
  currentIsLink: boolean
  passing?: FileKey
  flag: boolean
}

/** @throws ReadError when one cannot be looked at */
export async function findFiles(hostpart: string, names: ImageNames): Promise<FoundFiles> {
  const files: FoundFiles['files'] = {}
  const odd: FoundFiles['odd'] = {}
  for (const role of IMAGE_ROLES) {
    const found = await look(join(hostpart, names[role]))
    if (found === undefined) continue
    const kind = kindOf(found)
    if (kind !== undefined) odd[role] = kind
    if (kind === undefined || role === 'new') files[role] = keyFrom(found)
  }
  const passing = await keyOf(join(hostpart, names.passing))
  // Whatever it is: people make it in many ways.
  const flag = (await look(join(hostpart, names.flag))) !== undefined
  const currentIsLink = odd.current === LINK
  return { files, odd, currentIsLink, ...(passing === undefined ? {} : { passing }), flag }
}

/** The key of an image file; undefined when there is none, or it is no file itself. @throws ReadError */
export async function keyOf(path: string): Promise<FileKey | undefined> {
  const found = await look(path)
  return found?.isFile() === true ? keyFrom(found) : undefined
}

/** What a path is in place of a file, for people; undefined: it is a file itself, or nothing is there. @throws ReadError */
export async function oddKind(path: string): Promise<string | undefined> {
  const found = await look(path)
  return found === undefined ? undefined : kindOf(found)
}

const LINK = 'a symbolic link'

function kindOf(found: BigIntStats): string | undefined {
  if (found.isFile()) return undefined
  if (found.isSymbolicLink()) return LINK
  if (found.isDirectory()) return 'a folder'
  return found.isFIFO() || found.isSocket() ? 'a pipe or socket' : 'a device'
}

const keyFrom = ({ ino, birthtimeNs }: BigIntStats): FileKey => `${ino}-${birthtimeNs}`

async function look(path: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(path, { bigint: true })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw new ReadError(`${path}: ${code}`, { cause: error })
  }
}
