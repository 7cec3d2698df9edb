import type { Disk } from '../../../src/system/block/schema.ts'
import { aboveAll, belowAll } from '../../../src/system/block/stack/graph.ts'
import { knownValue } from '../../../src/system/finding.ts'
import type { WipeFacts } from '../schema.ts'
import { oddSector } from './sectors.ts'
import type { Unit } from './selection.ts'

/** Why a disk must not be touched, all reasons in one line; undefined: nothing speaks against it. */
export function protection(unit: Unit, facts: WipeFacts): { reason: string; hint?: string } | undefined {
  const found = [
    bootMedium(unit, facts),
    unreadable(unit, facts),
    untraced(unit, facts),
    shared(unit, facts),
    usedTwin(unit, facts),
    notWritable(unit),
    withoutSize(unit),
    windowOnDevice(unit, facts),
  ].filter((each) => each !== undefined)
  if (found.length === 0) return undefined
  const hint = found.find((each) => each.hint !== undefined)?.hint
  return {
    reason: found.map(({ reason }) => reason).join('; '),
    ...(hint === undefined ? {} : { hint }),
  }
}

interface Objection {
  reason: string
  hint?: string
}

function bootMedium({ lead, names, twins }: Unit, { stack }: WipeFacts): Objection | undefined {
  const why = [...names, ...twins].map((name) => stack.boot[name]).find((each) => each !== undefined)
  if (why === undefined) return undefined
  return {
    reason: `this system runs from it: ${why}`,
    hint: `boot from the network to wipe it, or say that it is to stay: speediso.wipe.exclude=path:${lead.id.path}`,
  }
}

/** What could not be read of a disk, of a part of it or of what stands on it: it may be in use. */
function unreadable({ names, lead }: Unit, facts: WipeFacts): Objection | undefined {
  const { stack, disks } = facts
  const members = disks.filter(({ id }) => names.includes(id.name))
  const above = new Set([...names, ...aboveAll(stack, names).map(({ name }) => name)])
  for (const { disk } of members) {
    const holders = holdersOf(disk)
    if (typeof holders === 'string') return { reason: `what stands on it is not known: ${holders}` }
    for (const name of holders) above.add(name)
  }
  for (const [name, why] of Object.entries(stack.unreadable)) {
    if (!above.has(name) && !names.some((disk) => isPartOf(name, disk))) continue
    const what = names.includes(name) ? '' : `${name} `
    return { reason: `${what}cannot be read, so it may be in use: ${why}` }
  }
  if (!lead.virtual && names.some((name) => !stack.nodes.some((node) => node.name === name)))
    return { reason: 'it is not in the list of block devices that says what is in use' }
  return undefined
}

/** Names of what the kernel has on top, or why that is not known. */
function holdersOf({ holders, partitions }: Disk): string[] | string {
  if (holders.status === 'unknown') return holders.reason
  if (partitions.status === 'unknown') return partitions.reason
  const names = [...(knownValue(holders) ?? [])]
  for (const partition of knownValue(partitions) ?? []) {
    if (partition.holders.status === 'unknown') return partition.holders.reason
    names.push(partition.name, ...(knownValue(partition.holders) ?? []))
  }
  return names
}

/** sda1 of sda, nvme0n1p1 of nvme0n1. */
function isPartOf(name: string, disk: string): boolean {
  return name.startsWith(disk) && /^p?\d+$/.test(name.slice(disk.length))
}

/** Where parts of this system were not traced to their disk, every disk that looks like a boot medium may be it. */
function untraced({ lead, names, twins }: Unit, { stack }: WipeFacts): Objection | undefined {
  const [part] = stack.untraced
  if (part === undefined) return undefined
  const above = aboveAll(stack, [...names, ...twins])
  const like = above.some(({ mounts }) => mounts.length > 0)
    ? 'mounted'
    : lead.disk.removable.status === 'known' && !lead.disk.removable.value
      ? above.some(({ readOnly }) => readOnly)
        ? 'read-only'
        : undefined
      : 'removable'
  if (like === undefined) return undefined
  return {
    reason: `it is ${like}, and this system may run from it: ${part}`,
    hint: 'boot from the network to wipe it',
  }
}

function shared({ lead, names, twins, named }: Unit, facts: WipeFacts): Objection | undefined {
  const why = [...names, ...twins].map((name) => facts.shared[name]).find((each) => each !== undefined)
  if (why === undefined || named) return undefined
  return {
    reason: `other machines may use it: ${why}`,
    hint: `to wipe it all the same, name it: speediso.wipe.disks=path:${lead.id.path}`,
  }
}

/** What is in use by another path is not taken apart, as it is not certain that it is a path to this disk. */
function usedTwin({ twins }: Unit, { stack }: WipeFacts): Objection | undefined {
  const upper = aboveAll(stack, twins)
  const used = upper.find(
    ({ kind, mounts, swap }) => !['disk', 'partition'].includes(kind) || mounts.length > 0 || swap,
  )
  if (used === undefined) return undefined
  return {
    reason: `${twins.join(', ')} has the same WWN and may be the same disk, and ${used.dmName ?? used.name} there is in use`,
    hint: 'stop that first, or start multipathd',
  }
}

/** A loop device over a disk or a partition writes there, past everything that guards that one. */
function windowOnDevice({ lead, names }: Unit, { stack }: WipeFacts): Objection | undefined {
  if (!lead.virtual) return undefined
  const own = stack.nodes.find(({ name }) => name === lead.id.name)
  const below = belowAll(stack, names).filter(({ name }) => !names.includes(name))
  const file = own?.backingFile
  const isDevice = (path: string | undefined) =>
    path !== undefined && below.some((node) => node.path === path || `/dev/mapper/${node.dmName}` === path)
  // No file system carries it: it stands on a device itself, by whatever name.
  if (!isDevice(file) && !(file?.startsWith('/dev/') && below.length > 0)) return undefined
  const around = [
    ...below,
    ...aboveAll(
      stack,
      below.map(({ name }) => name),
    ),
  ].filter(({ name }) => !names.includes(name))
  const guarded = around.find(
    ({ name, mounts, swap }) => stack.boot[name] !== undefined || mounts.length > 0 || swap,
  )
  if (guarded === undefined) return undefined
  return {
    reason: `it is a window on ${guarded.path}, which is in use`,
    hint: 'name that disk itself',
  }
}

function notWritable({ lead }: Unit): Objection | undefined {
  const { readOnly } = lead.disk
  if (readOnly.status === 'unknown')
    return { reason: `whether it takes writes is not known: ${readOnly.reason}` }
  if (knownValue(readOnly) !== true) return undefined
  return {
    reason: 'it is read-only',
    hint: 'look for a write-protect switch; a worn-out drive turns read-only too',
  }
}

function withoutSize({ lead }: Unit): Objection | undefined {
  const { id, disk } = lead
  if (oddSector(lead) !== undefined) return undefined
  if (disk.sizeBytes.status !== 'known') return { reason: `its size is not known: ${disk.sizeBytes.reason}` }
  if (id.sizeBytes === 0) return { reason: 'it has no medium, or a size of 0' }
  if (disk.logicalSectorBytes.status !== 'known')
    return { reason: `its sector size is not known: ${disk.logicalSectorBytes.reason}` }
  if (id.sectorBytes < 512 || id.sectorBytes % 512 !== 0 || id.sizeBytes % id.sectorBytes !== 0)
    return { reason: `its sectors of ${id.sectorBytes} bytes do not make up its ${id.sizeBytes} bytes` }
  return undefined
}
