import { aboveAll, belowAll } from './graph.ts'
import { type Layered, layersAbove, layersOf, nodeId } from './layers.ts'
import type { BlockNode, BlockStack } from './schema.ts'

type Shared = Pick<BlockStack, 'nodes' | 'mounts' | 'pools'>

/** Members carry the UUID of the whole: an array, a file system of several devices, a pool. */
const WHOLE = new Set([
  'linux_raid_member',
  'btrfs',
  'bcachefs',
  'zfs_member',
  'ddf_raid_member',
  'isw_raid_member',
])

/** What the data of a device belongs to, active or not. */
function wholesOf({ signatures, volumeGroup }: BlockNode): string[] {
  return [
    ...signatures.flatMap(({ type, uuid }) =>
      WHOLE.has(type) && uuid !== undefined ? [`${type} ${uuid}`] : [],
    ),
    ...(volumeGroup === undefined ? [] : [`volume group ${volumeGroup.uuid}`]),
  ]
}

/** Further devices that hold parts of the same whole: by what lies on them, or as the kernel has it in use. */
export function sameData({ nodes, mounts, pools }: Shared, of: readonly BlockNode[]): string[] {
  const wholes = new Set(of.flatMap(wholesOf))
  const names = new Set(of.map(({ name }) => name))
  const joined = [...mounts, ...pools].filter(({ on }) => on.some((name) => names.has(name)))
  return [
    ...nodes.filter((node) => wholesOf(node).some((whole) => wholes.has(whole))).map(({ name }) => name),
    ...joined.flatMap(({ on }) => on),
  ]
}

/**
 * Groups of disks that are connected by what stands on them or by the data that they share, each in the order given; a
 * disk by itself is a group.
 */
export function stacksOf(stack: Layered, disks: readonly string[]): string[][] {
  const layers = layersOf(stack, new Set())
  const groups: { disks: Set<string>; parts: Set<string> }[] = []
  for (const disk of disks) {
    const parts = new Set([
      ...layersAbove(layers, [nodeId(disk)]).map(({ id }) => id),
      ...aboveAll(stack, [disk]).flatMap(wholesOf),
    ])
    const joined = { disks: new Set([disk]), parts }
    for (const group of groups.filter((each) => !each.parts.isDisjointFrom(parts))) {
      groups.splice(groups.indexOf(group), 1)
      for (const name of group.disks) joined.disks.add(name)
      for (const part of group.parts) joined.parts.add(part)
    }
    groups.push(joined)
  }
  const sorted = groups.map((group) => disks.filter((name) => group.disks.has(name)))
  return sorted.sort(([a = ''], [b = '']) => disks.indexOf(a) - disks.indexOf(b))
}

/** Disks that are paths of one multipath device: one drive, however many names it has. */
export function multipathGroups({ nodes }: Pick<BlockStack, 'nodes'>): string[][] {
  return nodes
    .filter(({ dmRole }) => dmRole === 'multipath')
    .map((node) =>
      belowAll({ nodes }, [node.name])
        .filter(({ kind }) => kind === 'disk')
        .map(({ name }) => name)
        .sort(),
    )
}

/**
 * Disks that are probably one drive, seen over several paths without a multipath device. By WWN; by serial number only
 * where none has a WWN, as namespaces of one drive share its serial number.
 */
export function samePaths(disks: readonly { name: string; wwn?: string; serial?: string }[]): string[][] {
  const groups = new Map<string, string[]>()
  for (const { name, wwn, serial } of disks) {
    const key =
      wwn !== undefined ? `wwn ${wwn.toLowerCase()}` : serial !== undefined ? `serial ${serial}` : undefined
    if (key !== undefined) groups.set(key, [...(groups.get(key) ?? []), name])
  }
  return [...groups.values()].filter((names) => names.length > 1)
}
