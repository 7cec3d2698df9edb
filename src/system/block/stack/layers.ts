import { isWithin, mountOf } from './mount-table.ts'
import type { BlockNode, BlockStack, StackMount, TeardownAction } from './schema.ts'

export type Layered = Pick<BlockStack, 'nodes' | 'mounts' | 'swapFiles' | 'pools'>

/** No running system does without these. */
const CORE = new Set(['/', '/usr', '/proc', '/sys', '/dev', '/run'])

/** Something that has to go, with what it stands on. */
export interface Layer {
  id: string
  /** What is as ready goes in this order. */
  rank: number
  action: TeardownAction | null
  on: string[]
  /** Why it cannot go. */
  stuck: string | null
}

export const nodeId = (name: string) => `node ${name}`
export const mountId = (id: number) => `mount ${id}`
const poolId = (name: string) => `pool ${name}`

export function layersOf(stack: Layered, targets: ReadonlySet<string>): Layer[] {
  const { nodes, mounts, swapFiles, pools } = stack
  // An open file holds the mount that its path leads into; of a path that leads nowhere, it may be any of its file system.
  const mountsOf = (dev: string | undefined, path = '') => {
    const all = mounts.filter((mount) => mount.dev === dev)
    const own = mountOf(all, path)
    return (own === undefined ? all : [own]).map(({ id }) => mountId(id))
  }
  const layers: Layer[] = []
  for (const node of nodes) {
    const on = [
      ...node.on.map(nodeId),
      ...(node.kind === 'loop' ? mountsOf(node.backingDev, node.backingFile) : []),
    ]
    const target = targets.has(node.name)
    const action = target ? null : actionOn(node)
    const stays = action === null && !target && !['disk', 'partition'].includes(node.kind)
    const stuck = stays ? `${node.name} stands on it, and there is no known way to stop that` : null
    layers.push({ id: nodeId(node.name), rank: rankOf(node), action, on, stuck })
    if (!node.swap) continue
    const swap: TeardownAction = { act: 'swapoff', path: node.path }
    layers.push({ id: `swap ${node.path}`, rank: 0, action: swap, on: [nodeId(node.name)], stuck: null })
  }
  for (const mount of mounts) {
    layers.push({
      id: mountId(mount.id),
      rank: 1,
      action: { act: 'unmount', mountPoint: mount.mountPoint },
      on: [
        ...mount.on.map(nodeId),
        ...mounts.filter(({ id }) => id === mount.parent && id !== mount.id).map(({ id }) => mountId(id)),
        ...mount.uses.map(mountId),
        ...(mount.pool === undefined ? [] : [poolId(mount.pool)]),
        ...mounts.filter((other) => covers(mount, other, mounts)).map(({ id }) => mountId(id)),
      ],
      stuck: CORE.has(mount.mountPoint) ? `${mount.mountPoint} of this system stands on it` : null,
    })
  }
  for (const { path, dev } of swapFiles) {
    layers.push({
      id: `swap ${path}`,
      rank: 0,
      action: { act: 'swapoff', path },
      on: mountsOf(dev, path),
      stuck: null,
    })
  }
  for (const { name, on } of pools) {
    layers.push({
      id: poolId(name),
      rank: 3,
      action: { act: 'export-zfs', pool: name },
      on: on.map(nodeId),
      stuck: null,
    })
  }
  return layers
}

/** Mounted over a folder above the other's mount point: that one cannot be reached by its path, nor what is on it. */
function covers(upper: StackMount, lower: StackMount, mounts: readonly StackMount[]): boolean {
  const seen = new Set<number>()
  for (let at: StackMount | undefined = lower; at !== undefined && !seen.has(at.id); ) {
    const { id, parent, mountPoint }: StackMount = at
    const beside = upper.id !== id && upper.parent === parent && upper.mountPoint !== mountPoint
    if (beside && isWithin(mountPoint, upper.mountPoint)) return true
    seen.add(id)
    at = mounts.find((each) => each.id === parent)
  }
  return false
}

function actionOn({ kind, dmRole, dmName = '', path, name }: BlockNode): TeardownAction | null {
  switch (kind) {
    case 'loop':
      return { act: 'detach-loop', path }
    case 'md':
      return { act: 'stop-md', path }
    case 'bcache':
      return { act: 'stop-bcache', name }
    case 'dm':
      if (dmRole === 'lvm') return { act: 'deactivate-lvm', path, dmName }
      return { act: dmRole === 'crypt' ? 'close-crypt' : 'remove-dm', path, dmName }
    default:
      return null
  }
}

function rankOf({ kind, dmRole }: BlockNode): number {
  if (kind === 'loop') return 2
  if (kind === 'dm') return dmRole === 'crypt' ? 3 : dmRole === 'lvm' ? 4 : dmRole === 'multipath' ? 8 : 5
  return kind === 'bcache' ? 6 : 7
}

export function layersAbove(layers: readonly Layer[], first: readonly string[]): Layer[] {
  const above = new Map<string, Layer[]>()
  for (const layer of layers) {
    for (const id of layer.on) above.set(id, [...(above.get(id) ?? []), layer])
  }
  const seen = new Set(first)
  const found = layers.filter(({ id }) => seen.has(id))
  for (const layer of found) {
    for (const upper of above.get(layer.id) ?? []) {
      if (seen.has(upper.id)) continue
      seen.add(upper.id)
      found.push(upper)
    }
  }
  return found
}
