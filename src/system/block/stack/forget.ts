import { CommandError, ToolMissingError } from '../../../errors.ts'
import type { Exec } from '../../exec.ts'
import type { MachineRoot } from '../../machine-root.ts'

export interface Forgotten {
  /** Partitions that the kernel still has. */
  partitions: string[]
  /** Why the kernel did not drop its cache or read the partition table again; one line each. */
  trouble: string[]
}

/** Milliseconds. */
const LIMIT = 60_000

/**
 * Makes the kernel drop what it has of a disk: cached data, and the partitions of a table that is not there any more.
 * Devices that cannot have partitions are not asked to read any.
 */
export async function forgetPartitions(
  path: string,
  { exec, root, signal }: { exec: Exec; root: MachineRoot; signal?: AbortSignal },
): Promise<Forgotten> {
  const dir = `/sys/class/block/${path.replace(/^\/dev\//, '').replaceAll('/', '!')}`
  const trouble: string[] = []
  const run = async (option: string) => {
    try {
      await exec('blockdev', [option, path], { timeout: LIMIT, ...(signal === undefined ? {} : { signal }) })
    } catch (error) {
      signal?.throwIfAborted()
      if (!(error instanceof CommandError || error instanceof ToolMissingError)) throw error
      trouble.push(error.message)
    }
  }
  await run('--flushbufs')
  // A loop device has partitions only when it was set up with --partscan.
  const plain = (await root.readText(`${dir}/loop/partscan`)) === '0'
  if (!plain || (await partitionsOf(root, dir)).length > 0) await run('--rereadpt')
  return { partitions: await partitionsOf(root, dir), trouble }
}

async function partitionsOf(root: MachineRoot, dir: string): Promise<string[]> {
  const found: string[] = []
  for (const name of (await root.list(dir)) ?? []) {
    if (await root.exists(`${dir}/${name}/partition`)) found.push(name)
  }
  return found
}
