import * as z from 'zod'
import type { Exec } from '../../exec.ts'
import type { MachineRoot } from '../../machine-root.ts'
import { runTool } from '../../run-tool.ts'

/** Names of the devices of each file system that spans several, by its UUID, as the kernel has them mounted. */
export async function readSpanning(root: MachineRoot): Promise<string[][]> {
  const all: string[][] = []
  for (const uuid of (await root.list('/sys/fs/btrfs')) ?? []) {
    const devices = await root.list(`/sys/fs/btrfs/${uuid}/devices`)
    if (devices !== undefined && devices.length > 0) all.push(devices)
  }
  for (const uuid of (await root.list('/sys/fs/bcachefs')) ?? []) {
    const members = ((await root.list(`/sys/fs/bcachefs/${uuid}`)) ?? []).filter((name) =>
      /^dev-\d+$/.test(name),
    )
    const names = await Promise.all(
      members.map(async (name) =>
        (await root.readLink(`/sys/fs/bcachefs/${uuid}/${name}/block`))?.split('/').at(-1),
      ),
    )
    const known = names.filter((name) => name !== undefined)
    if (known.length > 0) all.push(known)
  }
  return all
}

export interface Pools {
  pools: { name: string; paths: string[] }[]
  /** Why the devices of an imported pool are not known. */
  trouble?: string
}

/** Imported ZFS pools: OpenZFS has a folder of statistics for each. */
export async function readPools(root: MachineRoot, exec: Exec, signal?: AbortSignal): Promise<Pools> {
  const kstat = '/proc/spl/kstat/zfs'
  const names: string[] = []
  for (const name of (await root.list(kstat)) ?? []) {
    if (await root.exists(`${kstat}/${name}/state`)) names.push(name)
  }
  const found: Pools = { pools: [] }
  for (const name of names) {
    const args = ['list', '-H', '-v', '-P', '-L', '-o', 'name', name]
    const text = await runTool(exec, 'zpool', args, { signal, timeout: 20_000 })
    if (text.status !== 'known') {
      found.trouble = `the devices of the ZFS pool ${name} are unknown: ${text.reason}`
      found.pools.push({ name, paths: [] })
      continue
    }
    const paths = [...text.value.matchAll(/^\s*(\/dev\/\S+)/gm)].map(([, path = '']) => path)
    found.pools.push({ name, paths })
  }
  return found
}

const loopsSchema = z.object({
  loopdevices: z.array(z.object({ name: z.string(), 'back-maj:min': z.string().nullable() })),
})

/** Of each loop device, major:minor of the file system on which its file lies: true even when no path leads there. */
export async function readLoops(exec: Exec, signal?: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const text = await runTool(exec, 'losetup', ['--json', '--list', '--output', 'NAME,BACK-MAJ:MIN'], {
    signal,
  })
  if (text.status !== 'known') return new Map()
  const parsed = loopsSchema.safeParse(parseJson(text.value))
  if (!parsed.success) return new Map()
  return new Map(
    parsed.data.loopdevices.flatMap(({ name, 'back-maj:min': dev }) =>
      dev === null ? [] : [[name.replace(/^\/dev\//, ''), dev.trim()] as const],
    ),
  )
}

// pvs: LVM2's report in JSON; binary fields are empty when they do not hold.
const volumesSchema = z.object({
  report: z.array(
    z.object({
      pv: z.array(
        z.object({
          pv_name: z.string(),
          vg_name: z.string(),
          vg_uuid: z.string(),
          vg_clustered: z.string(),
          vg_shared: z.string(),
        }),
      ),
    }),
  ),
})

export interface PhysicalVolume {
  path: string
  uuid: string
  name: string
  shared: boolean
}

/** LVM's physical volumes with their groups, active or not; a reason when they cannot be listed. */
export async function readPhysicalVolumes(
  exec: Exec,
  signal?: AbortSignal,
): Promise<PhysicalVolume[] | string> {
  const fields = 'pv_name,vg_name,vg_uuid,vg_clustered,vg_shared'
  const args = ['--readonly', '--reportformat', 'json', '-o', fields]
  const text = await runTool(exec, 'pvs', args, { signal, timeout: 30_000, okExitCodes: [5] })
  if (text.status !== 'known') return text.reason
  const parsed = volumesSchema.safeParse(parseJson(text.value))
  if (!parsed.success) return 'pvs gave no list of physical volumes'
  return parsed.data.report
    .flatMap(({ pv }) => pv)
    .filter(({ vg_uuid }) => vg_uuid !== '')
    .map(({ pv_name, vg_uuid, vg_name, vg_clustered, vg_shared }) => ({
      path: pv_name,
      uuid: vg_uuid,
      name: vg_name,
      shared: vg_clustered !== '' || vg_shared !== '',
    }))
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
