import type { BlockNode, BlockStack } from './schema.ts'

const ROLE = {
  lvm: 'LVM',
  crypt: 'opened LUKS',
  multipath: 'multipath',
  raid: 'BIOS RAID',
  other: 'device-mapper',
}

type Shown = Pick<BlockStack, 'nodes' | 'boot' | 'unreadable' | 'silent'>

/** What is on a device, for people: an indented tree, one line an item, without the size and serial of the device. */
export function describeNode(stack: Shown, name: string): string[] {
  const lines: string[] = []
  const seen = new Set<string>()
  const visit = (node: BlockNode, depth: number) => {
    const again = seen.has(node.name)
    seen.add(node.name)
    lines.push(`${'  '.repeat(depth)}${describeOne(stack, node)}`)
    if (again) return
    for (const upper of stack.nodes) if (upper.on.includes(node.name)) visit(upper, depth + 1)
  }
  const first = stack.nodes.find((node) => node.name === name)
  if (first === undefined) return [`${name}: not there`]
  visit(first, 0)
  return lines
}

function describeOne({ boot, unreadable, silent }: Shown, node: BlockNode): string {
  const trouble = unreadable[node.name] ?? silent[node.name]
  const facts = [
    node.mounts.length === 0 ? undefined : `mounted at ${node.mounts.join(' and ')}`,
    node.swap ? 'in use as swap' : undefined,
    node.backingFile === undefined ? undefined : `file ${node.backingFile}`,
    node.readOnly ? 'read-only' : undefined,
    trouble === undefined ? undefined : `not readable: ${trouble}`,
    boot[node.name],
  ].filter((fact) => fact !== undefined)
  const head = [nameOf(node), ...contentsOf(node, trouble !== undefined)].join(' ')
  return [head, ...facts].join(', ')
}

function nameOf({ name, kind, dmName, dmRole }: BlockNode): string {
  if (kind === 'dm') return `${dmName} (${ROLE[dmRole ?? 'other']}, ${name})`
  if (kind === 'bcache' && !name.startsWith('bcache')) return `bcache cache set ${name}`
  return kind === 'md' ? `${name} (RAID)` : name
}

function contentsOf({ kind, signatures, volumeGroup, dev }: BlockNode, unread: boolean): string[] {
  const words: string[] = []
  const told = new Set<string>()
  for (const { type, label, uuid } of signatures) {
    // The copies of a GPT, and the MBR that protects it, are one partition table.
    const key = `${type} ${label ?? ''} ${uuid ?? ''}`
    if (type === 'PMBR' || told.has(key)) continue
    told.add(key)
    words.push(label === undefined ? type : `${type} label ${label}`)
  }
  if (volumeGroup !== undefined) words.push(`of volume group ${volumeGroup.name}`)
  if (words.length > 0) return words
  return unread || kind === 'bcache' || dev === '' ? [] : ['no known content']
}
