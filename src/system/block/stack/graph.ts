import type { BlockNode, BlockStack } from './schema.ts'

export type Nodes = Pick<BlockStack, 'nodes'>

/** The devices themselves and all that they stand on, each once; nothing below those at which to stop. */
export function belowAll(
  { nodes }: Nodes,
  names: Iterable<string>,
  stop: ReadonlySet<string> = new Set(),
): BlockNode[] {
  const byName = new Map(nodes.map((node) => [node.name, node]))
  const seen = new Set<string>()
  const found: BlockNode[] = []
  const queue = [...names]
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    const node = byName.get(name)
    if (node === undefined || seen.has(name)) continue
    seen.add(name)
    found.push(node)
    if (!stop.has(name)) queue.push(...node.on)
  }
  return found
}

/** The disks that carry these devices. */
export function disksBelow(stack: Nodes, names: Iterable<string>): string[] {
  return belowAll(stack, names)
    .filter(({ kind }) => kind === 'disk')
    .map(({ name }) => name)
}

/** The devices themselves and all that stand on them, each once. */
export function aboveAll({ nodes }: Nodes, names: Iterable<string>): BlockNode[] {
  const above = new Map<string, BlockNode[]>()
  for (const node of nodes) {
    for (const below of node.on) above.set(below, [...(above.get(below) ?? []), node])
  }
  const seen = new Set(names)
  const found = nodes.filter(({ name }) => seen.has(name))
  for (const node of found) {
    for (const upper of above.get(node.name) ?? []) {
      if (seen.has(upper.name)) continue
      seen.add(upper.name)
      found.push(upper)
    }
  }
  return found
}
