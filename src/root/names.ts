import { posix } from 'node:path'
import { InputError } from '../errors.ts'

/** The files of the root image protocol, as paths below hostpart without a leading slash. Their meaning is a contract with people. */
export interface ImageNames {
  /** What the host boots. */
  current: string
  /** Dropped in as an update. */
  new: string
  /** What was current before. */
  old: string
  /** What a revert took away. */
  broken: string
  /** A candidate that waits for an explicit stage, as a revert was asked for at the same time. */
  held: string
  /** A candidate that was refused. */
  rejected: string
  /** Why it was refused, for people. */
  reason: string
  /** An empty file that asks for the revert. */
  flag: string
  /** A second link of the current image on its way to be the old or the broken one. */
  passing: string
}

export type ImageRole = 'current' | 'new' | 'old' | 'broken' | 'held' | 'rejected'

export const IMAGE_ROLES: readonly ImageRole[] = ['current', 'new', 'old', 'broken', 'held', 'rejected']

export const DEFAULT_REAL_ROOT = '/hn-root.img'

/** Folder of speediso's own files on hostpart. */
export const OWN_FOLDER = '.speediso'

/**
 * The names that follow from `real_root=`: `-new` and the others stand before its `.img`.
 * @throws InputError for a path that is none below hostpart, or does not end in `.img`
 */
export function imageNames(realRoot: string = DEFAULT_REAL_ROOT): ImageNames {
  const path = posix.normalize(`/${realRoot}`).slice(1)
  const hint = `write the image's path on hostpart, such as ${DEFAULT_REAL_ROOT}`
  if (!/^[\w./+@-]+$/.test(path)) throw new InputError(`real_root=${realRoot}: no path of an image`, { hint })
  const { dir, name, ext } = posix.parse(path)
  if (ext !== '.img' || name === '')
    throw new InputError(`real_root=${realRoot}: does not end in .img`, { hint })
  const beside = (file: string) => posix.join(dir, file)
  const own = (suffix: string) => beside(`${name}${suffix}.img`)
  return {
    current: own(''),
    new: own('-new'),
    old: own('-old'),
    broken: own('-broken'),
    held: own('-held'),
    rejected: own('-rejected'),
    reason: beside(`${name}-rejected.txt`),
    flag: 'system-revert',
    passing: beside(`.${name}-passing.img`),
  }
}
