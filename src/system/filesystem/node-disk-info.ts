import * as z from 'zod'
import type { Exec } from '../exec.ts'
import { type Finding, known, unknown } from '../finding.ts'
import type { MachineRoot } from '../machine-root.ts'
import { runTool } from '../run-tool.ts'
import { findTool } from '../tools.ts'
import type { Usage } from './schema.ts'

export type LoadDiskInfo = () => Promise<{ getDiskInfo(): Promise<unknown> }>

export const loadDiskInfo: LoadDiskInfo = async () => {
  const module = await import('node-disk-info')
  return 'default' in module ? (module.default as typeof module) : module
}

export const NODE_DISK_INFO = 'node-disk-info'

// df's own columns, in KiB.
const drivesSchema = z.array(
  z.object({
    filesystem: z.string(),
    blocks: z.number().int().positive(),
    used: z.number().int().nonnegative(),
    available: z.number().int(),
    mounted: z.string().startsWith('/'),
  }),
)

/**
 * Usage by mount point. The library runs `df` and blocks the whole process while it does: a dead network mount would
 * stop everything for good. So the same `df` is run first, where it can be ended; exit code 1 is one mount's trouble.
 */
export async function readUsage(
  root: MachineRoot,
  exec: Exec,
  load: LoadDiskInfo = loadDiskInfo,
  signal?: AbortSignal,
): Promise<Finding<ReadonlyMap<string, Usage>>> {
  const source = NODE_DISK_INFO
  if (root.dir !== '/') return unknown('node-disk-info reads the running machine only', source)
  for (const tool of ['sh', 'df', 'awk']) {
    if ((await findTool(root, tool)) === undefined) {
      return unknown(`node-disk-info needs ${tool}, which is not installed`, source)
    }
  }
  const probe = await runTool(exec, 'df', ['-P'], { timeout: 3000, signal, okExitCodes: [1] })
  if (probe.status !== 'known') return unknown(`df does not answer: ${probe.reason}`, 'df -P', source)
  try {
    const library = await load()
    const drives = drivesSchema.safeParse(asPlain(await library.getDiskInfo()))
    if (!drives.success) return unknown('node-disk-info gave no list of file systems', source)
    if (drives.data.length === 0) return unknown('node-disk-info gave an empty list', source)
    return known(
      new Map(
        drives.data.map((drive) => [
          drive.mounted,
          {
            sizeBytes: drive.blocks * 1024,
            usedBytes: drive.used * 1024,
            // df gives less than nothing when the blocks reserved for root are in use.
            availableBytes: Math.max(0, drive.available) * 1024,
          },
        ]),
      ),
      source,
    )
  } catch (error) {
    return unknown(`node-disk-info: ${error instanceof Error ? error.message : error}`, source)
  }
}

/** The library's objects have getters on their prototype; lines of file systems without blocks are left out. */
function asPlain(drives: unknown): unknown {
  if (!Array.isArray(drives)) return drives
  return drives
    .map(({ filesystem, blocks, used, available, mounted }) => ({
      filesystem,
      blocks,
      used,
      available,
      mounted,
    }))
    .filter(({ blocks }) => blocks !== 0)
}
