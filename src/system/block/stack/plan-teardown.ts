import { aboveAll, belowAll } from './graph.ts'
import { sameData } from './groups.ts'
import { type Layer, layersAbove, layersOf, mountId, nodeId } from './layers.ts'
import type { BlockStack, StackMount, TeardownAction } from './schema.ts'

export type Standing = Pick<BlockStack, 'nodes' | 'mounts' | 'swapFiles' | 'pools' | 'boot' | 'unreadable'>

export interface TeardownPlan {
  actions: TeardownAction[]
  /** Why it cannot be taken apart; null: it can. */
  blocked: string | null
  /** Further disks that carry the same arrays, volume groups and file systems: their data goes too. */
  others: string[]
}

/**
 * What has to be done so that nothing stands on these disks any more, from the top down. Pure.
 * @param given all disks whose file systems may be unmounted for it, where that is more than these
 */
export function planTeardown(
  stack: Standing,
  disks: readonly string[],
  given: readonly string[] = disks,
): TeardownPlan {
  const { nodes } = stack
  const targets = new Set(disks)
  const isThere = (name: string) => nodes.some((node) => node.name === name)
  const missing = disks.find((name) => !isThere(name))
  const layers = layersAbove(layersOf(stack, targets), disks.map(nodeId))
  const touched = layers.flatMap(({ id }) => (id.startsWith('node ') ? [id.slice('node '.length)] : []))
  const { actions, circle } = inOrder(layers)
  const onBoot = disks.find((name) => stack.boot[name] !== undefined)
  // A device of which not even its place is known may stand on any disk.
  const unread = Object.keys(stack.unreadable).find((name) => touched.includes(name) || !isThere(name))
  const stuck = layers.find((layer) => layer.stuck !== null)
  const blocked =
    missing !== undefined
      ? `${missing} is not there`
      : onBoot !== undefined
        ? `${onBoot}: ${stack.boot[onBoot]}`
        : unread !== undefined
          ? `${unread}: ${stack.unreadable[unread]}`
          : (stuck?.stuck ?? circle ?? foreignMount(stack, layers, [...disks, ...given]))
  return {
    actions: blocked === null ? actions : [],
    blocked,
    others: carriersOf(stack, targets),
  }
}

/** A mount that is in the way (it lies on a mount of these disks, or hides one) and has nothing on these disks itself. */
function foreignMount(stack: Standing, layers: readonly Layer[], disks: readonly string[]): string | null {
  const inTheWay = new Set(layers.map(({ id }) => id))
  const devicesOf = ({ on, pool }: StackMount) => [
    ...on,
    ...stack.pools.flatMap(({ name, on: members }) => (name === pool ? members : [])),
  ]
  for (const mount of stack.mounts) {
    const below = belowAll(stack, devicesOf(mount))
    if (!inTheWay.has(mountId(mount.id)) || below.some(({ name }) => disks.includes(name))) continue
    // What lies in memory is of no disk; a device that is not known here (NBD) may be as good as one.
    const whose = below
      .filter(({ kind, on }) => kind === 'disk' || (kind === 'other' && on.length === 0))
      .map(({ name }) => name)
    if (whose.length === 0) continue
    return `${mount.mountPoint} would have to be unmounted first, and that is of ${whose.join(', ')}`
  }
  return null
}

/** Disks, and loop devices in their place, that hold parts of what stands on the targets. */
function carriersOf(stack: Standing, targets: ReadonlySet<string>): string[] {
  const above = aboveAll(stack, targets)
  const loops = stack.nodes.filter((node) => node.kind === 'loop' && !above.includes(node))
  const stop = new Set([...targets, ...loops.map(({ name }) => name)])
  const parts = [...above.map(({ name }) => name), ...sameData(stack, above)]
  return belowAll(stack, parts, stop)
    .filter(({ kind, name }) => !targets.has(name) && (kind === 'disk' || stop.has(name)))
    .map(({ name }) => name)
    .sort()
}

/** Each layer only after everything that stands on it. */
function inOrder(layers: readonly Layer[]): { actions: TeardownAction[]; circle: string | null } {
  const byId = new Map(layers.map((layer) => [layer.id, layer]))
  const standing = new Map(layers.map(({ id }) => [id, 0]))
  for (const { on } of layers) {
    for (const id of new Set(on)) if (standing.has(id)) standing.set(id, (standing.get(id) ?? 0) + 1)
  }
  const ready = layers.filter(({ id }) => standing.get(id) === 0)
  const order: Layer[] = []
  for (;;) {
    ready.sort((a, b) => a.rank - b.rank)
    const layer = ready.shift()
    if (layer === undefined) break
    order.push(layer)
    for (const id of new Set(layer.on)) {
      const left = (standing.get(id) ?? 0) - 1
      standing.set(id, left)
      const below = byId.get(id)
      if (left === 0 && below !== undefined) ready.push(below)
    }
  }
  const circle = layers.find((layer) => !order.includes(layer))
  return {
    actions: order.flatMap(({ action }) => (action === null ? [] : [action])),
    circle: circle === undefined ? null : `what stands on the disks stands on itself (${circle.id})`,
  }
}
