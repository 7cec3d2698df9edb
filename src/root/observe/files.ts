import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { ReadError } from '../../errors.ts'
import { IMAGE_ROLES, type ImageNames, type ImageRole } from '../names.ts'
import type { FileKey } from '../record.ts'

/** What of the protocol lies on hostpart. */
export interface FoundFiles {
  files: Partial<Record<ImageRole, FileKey>>
  passing?: FileKey
  flag: boolean
}

/** @throws ReadError when one is there and is no ordinary file, or cannot be looked at */
export async function findFiles(hostpart: string, names: ImageNames): Promise<FoundFiles> {
  const files: FoundFiles['files'] = {}
  for (const role of IMAGE_ROLES) {
    const key = await keyOf(join(hostpart, names[role]))
    if (key !== undefined) files[role] = key
  }
  const passing = await keyOf(join(hostpart, names.passing))
  // Whatever it is: people make it in many ways.
  const flag = await lstat(join(hostpart, names.flag)).then(
    () => true,
    (error: NodeJS.ErrnoException) => missing(error, join(hostpart, names.flag), false),
  )
  return { files, ...(passing === undefined ? {} : { passing }), flag }
}

/** The key of an image file; undefined when there is none. @throws ReadError */
export async function keyOf(path: string): Promise<FileKey | undefined> {
  try {
    const found = await lstat(path, { bigint: true })
    if (found.isFile()) return `${found.ino}-${found.birthtimeNs}`
  } catch (error) {
    return missing(error as NodeJS.ErrnoException, path, undefined)
  }
  throw new ReadError(`${path}: is no ordinary file`, {
    hint: 'a root image is a file, not a link or a folder',
  })
}

function missing<T>(error: NodeJS.ErrnoException, path: string, value: T): T {
  if (error.code === 'ENOENT') return value
  throw new ReadError(`${path}: ${error.code}`, { cause: error })
}
