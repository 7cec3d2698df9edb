import type { Exec } from '../../exec.ts'
import type { MachineRoot } from '../../machine-root.ts'
import { mapLimit } from '../../map-limit.ts'
import { findBootMedium } from './boot-medium.ts'
import { readPhysicalVolumes } from './joined.ts'
import type { BlockNode, BlockStack } from './schema.ts'
import { probeDevice } from './signatures.ts'
import { createFinder, readStanding } from './standing.ts'

/** Devices that are probed beside each other: each probe is a handful of short programs. */
const AT_ONCE = 8

/**
 * Reads everything that stands on this machine's disks, what lies on them, and which of them this system runs from. A
 * device that cannot be read is in `unreadable` or `silent`, with the reason.
 * @throws ReadError when the kernel shows no block devices or no mounts at all
 */
export async function readBlockStack(
  root: MachineRoot,
  exec: Exec,
  signal?: AbortSignal,
): Promise<BlockStack> {
  const standing = await readStanding(root, exec, signal)
  const { nodes, mounts, swapFiles, pools, unreadable } = standing
  const silent: Record<string, string> = {}
  await mapLimit(nodes.filter(isProbed), AT_ONCE, async (node) => {
    const probe = await probeDevice(exec, node, signal)
    if (probe.state === 'unreadable') unreadable[node.name] ??= probe.reason
    else node.signatures = probe.signatures
    if (probe.state === 'silent') silent[node.name] = probe.reason
  })
  await nameVolumeGroups(root, exec, nodes, unreadable, signal)
  const cmdline = (await root.readText('/proc/cmdline').catch(() => undefined)) ?? ''
  const { boot, untraced } = findBootMedium(standing, cmdline)
  return { nodes, mounts, swapFiles, pools, boot, untraced, unreadable, silent }
}

/** Not: hidden paths of an NVMe namespace and cache sets (no device number), optical drives, memory. */
function isProbed({ name, dev, sizeBytes }: BlockNode): boolean {
  return dev !== '' && sizeBytes > 0 && !/^(sr|zram)\d/.test(name)
}

async function nameVolumeGroups(
  root: MachineRoot,
  exec: Exec,
  nodes: BlockNode[],
  unreadable: Record<string, string>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const members = nodes.filter(({ signatures }) => signatures.some(({ type }) => type === 'LVM2_member'))
  if (members.length === 0) return
  const volumes = await readPhysicalVolumes(exec, signal)
  if (typeof volumes === 'string') {
    // Whether the group is shared with other hosts cannot be told.
    for (const { name } of members) unreadable[name] ??= `its LVM volume group is unknown: ${volumes}`
    return
  }
  const find = createFinder(root, nodes)
  for (const { path, uuid, name, shared } of volumes) {
    const device = await find(path)
    const node = nodes.find((each) => each.name === device)
    if (node !== undefined) node.volumeGroup = { uuid, name, shared }
  }
}
