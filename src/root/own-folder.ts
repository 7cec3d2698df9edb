import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { OWN_FOLDER } from './names.ts'

/** Where files come and go that nobody else may own: a link would have other people's files removed. */
export type OwnSubfolder = 'incoming' | 'manifests'

export const ownSubfolder = (hostpart: string, name: OwnSubfolder) => join(hostpart, OWN_FOLDER, name)

/** Undefined: it is a folder, or there is none yet. Else the path that is something else. */
export async function notOwn(hostpart: string, name: OwnSubfolder): Promise<string | undefined> {
  for (const path of [join(hostpart, OWN_FOLDER), ownSubfolder(hostpart, name)]) {
    const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
      return undefined
    })
    if (found !== undefined && !found.isDirectory()) return path
  }
  return undefined
}
