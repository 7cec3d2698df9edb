import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { TimeoutError } from '../../../errors.ts'
import type { Exec } from '../../exec.ts'
import { withLimit } from '../../limit.ts'
import type { MachineRoot } from '../../machine-root.ts'
import { aboveAll } from './graph.ts'
import { readStanding, type Standing } from './standing.ts'

/** Null: the device could be opened for this process alone; else why not. */
export type OpenAlone = (path: string) => Promise<string | null>

export interface HoldersOptions {
  exec?: Exec
  signal?: AbortSignal
  openAlone?: OpenAlone
}

/**
 * What still holds these disks, one line each; an empty list is proof that nothing does: neither the kernel's tables
 * name anything, nor does it refuse to open the disk for one user alone (O_EXCL), which covers other mount namespaces.
 * @throws ReadError when the kernel shows no block devices or no mounts at all
 */
export async function holdersLeft(
  root: MachineRoot,
  names: readonly string[],
  options: HoldersOptions = {},
): Promise<string[]> {
  const standing = await readStanding(root, options.exec, options.signal)
  const left: string[] = []
  for (const name of names) {
    const node = standing.nodes.find((each) => each.name === name)
    if (node === undefined) {
      left.push(standing.unreadable[name] ?? `${name} is not there`)
      continue
    }
    const known = usersOf(standing, name)
    left.push(...known)
    if (known.length > 0) continue
    const refused = await (options.openAlone ?? openAlone(options.signal))(root.path(node.path))
    if (refused !== null) left.push(`${name}: ${refused}`)
  }
  return [...new Set(left)]
}

/** All that stands on a device, as the kernel's tables have it. */
export function usersOf(
  standing: Pick<Standing, 'nodes' | 'mounts' | 'swapFiles' | 'pools'>,
  name: string,
): string[] {
  const above = aboveAll(standing, [name])
  const names = new Set(above.map((node) => node.name))
  const stands = (on: readonly string[]) => on.some((each) => names.has(each))
  const devs = new Set(standing.mounts.filter(({ on }) => stands(on)).map(({ dev }) => dev))
  return [
    ...above
      .filter((node) => node.name !== name && node.kind !== 'partition')
      .map((node) => `${node.dmName ?? node.name} stands on ${name}`),
    ...above.filter(({ swap }) => swap).map((node) => `${node.name} is in use as swap`),
    ...standing.mounts
      .filter(({ on }) => stands(on))
      .map(({ mountPoint, on }) => `${on.find((each) => names.has(each))} is mounted at ${mountPoint}`),
    ...standing.swapFiles
      .filter(({ dev }) => dev !== undefined && devs.has(dev))
      .map(({ path }) => `the swap file ${path} lies on ${name}`),
    ...standing.pools
      .filter(({ on }) => stands(on))
      .map((pool) => `the ZFS pool ${pool.name} lies on ${name}`),
  ]
}

/** Milliseconds; an open of a drive that does not answer hangs. */
const OPEN_LIMIT = 20_000

function openAlone(signal: AbortSignal = new AbortController().signal): OpenAlone {
  return async (path) => {
    try {
      return await withLimit(OPEN_LIMIT, signal, async () => {
        // O_EXCL without O_CREAT is for block devices: the kernel refuses it while anything has claimed the disk.
        const file = await open(path, constants.O_RDONLY | constants.O_EXCL | constants.O_NONBLOCK)
        await file.close()
        return null
      })
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof TimeoutError) return `it cannot be opened: ${error.message}`
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EBUSY')
        return 'something that is not seen here holds it, perhaps in another mount namespace'
      if (typeof code === 'string') return `it cannot be opened: ${code}`
      throw error
    }
  }
}
