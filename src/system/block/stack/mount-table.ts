import { ReadError } from '../../../errors.ts'
import { unescapeOctal } from '../../filesystem/mounts.ts'
import type { MachineRoot } from '../../machine-root.ts'

export const MOUNTINFO = '/proc/self/mountinfo'
export const SWAPS = '/proc/swaps'

export interface MountLine {
  id: number
  parent: number
  /** `major:minor` */
  dev: string
  /** The part of the file system that is mounted; `/` is the whole. */
  root: string
  mountPoint: string
  type: string
  source: string
  readOnly: boolean
  /** Options of the file system, such as the directories of an overlay. */
  options: string
}

/** Format: proc_pid_mountinfo(5). @throws ReadError for a line that is none: a mount must not be lost */
export function parseMounts(text: string): MountLine[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [before = '', after = ''] = line.split(' - ', 2)
      const [id, parent, dev, root, mountPoint, flags] = before.split(' ')
      const [type, source = 'none', options = ''] = after.split(' ')
      if (dev === undefined || root === undefined || mountPoint === undefined || !type) {
        throw new ReadError(`${MOUNTINFO} has the line "${line.slice(0, 60)}"`)
      }
      return {
        id: Number(id),
        parent: Number(parent),
        dev,
        root: unescapeOctal(root),
        mountPoint: unescapeOctal(mountPoint),
        type,
        source: unescapeOctal(source),
        readOnly: flags?.split(',').includes('ro') ?? false,
        options: unescapeOctal(options),
      }
    })
}

export interface SwapLine {
  path: string
  kind: 'partition' | 'file'
}

/** Format: proc_swaps(5), one heading line. */
export function parseSwaps(text: string): SwapLine[] {
  return text
    .split('\n')
    .slice(1)
    .map((line) => line.split(/\s+/))
    .filter(([path]) => path !== undefined && path !== '')
    .map(([path = '', kind]) => ({
      path: unescapeOctal(path),
      kind: kind === 'file' ? ('file' as const) : ('partition' as const),
    }))
}

/** @throws ReadError when the kernel does not show its mounts */
export async function readMountTable(root: MachineRoot): Promise<MountLine[]> {
  const text = await root.readText(MOUNTINFO)
  if (text === undefined || text === '') throw new ReadError(`${MOUNTINFO} is not there: mounts are unknown`)
  return parseMounts(text)
}

/** A kernel without swap support has no such file. */
export async function readSwaps(root: MachineRoot): Promise<SwapLine[]> {
  return parseSwaps((await root.readText(SWAPS)) ?? '')
}

/** Directories of an overlay, from its options; a colon that belongs to a name is written `\:`. */
export function overlayDirs(options: string): string[] {
  const dirs: string[] = []
  // A comma that belongs to a name is written `\,`.
  for (const option of options.split(/(?<!\\),/)) {
    const [, key, value = ''] = /^(lowerdir\+?|upperdir|workdir|datadir\+)=(.*)$/s.exec(option) ?? []
    if (key === undefined) continue
    const several = key === 'lowerdir' ? value.split(/(?<!\\)::?/) : [value]
    dirs.push(...several.map((dir) => dir.replaceAll(/\\([\\:,])/g, '$1')).filter((dir) => dir !== ''))
  }
  return [...new Set(dirs)]
}

/** The mount on which a path lies: the nearest mount point above it, the last that was mounted there. */
export function mountOf<M extends { mountPoint: string }>(mounts: readonly M[], path: string): M | undefined {
  let found: M | undefined
  for (const mount of mounts) {
    if (!isWithin(path, mount.mountPoint)) continue
    if (found === undefined || mount.mountPoint.length >= found.mountPoint.length) found = mount
  }
  return found
}

/** Whether the path is the directory, or lies below it. */
export function isWithin(path: string, dir: string): boolean {
  return path === dir || path.startsWith(dir.endsWith('/') ? dir : `${dir}/`)
}
