import { aboveAll, belowAll } from './graph.ts'
import { sameData } from './groups.ts'
import { type Layer, layersAbove, layersOf, nodeId } from './layers.ts'
import type { BlockStack, TeardownAction } from './schema.ts'

export type Standing = Pick<BlockStack, 'nodes' | 'mounts' | 'swapFiles' | 'pools' | 'boot' | 'unreadable'>

export interface TeardownPlan {
  actions: TeardownAction[]
  /** Why it cannot be taken apart; null: it can. */
  blocked: string | null
  /** Further disks that carry the same arrays, volume groups and file systems: their data goes too. */
  others: string[]
}

/** What has to be done so that nothing stands on these disks any more, from the top down. Pure. */
export function planTeardown(stack: Standing, disks: readonly string[]): TeardownPlan {
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
          : (stuck?.stuck ?? circle)
  return {
    actions: blocked === null ? actions : [],
    blocked,
    others: carriersOf(stack, targets),
  }
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
