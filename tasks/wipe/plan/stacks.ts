import { aboveAll } from '../../../src/system/block/stack/graph.ts'
import { stacksOf } from '../../../src/system/block/stack/groups.ts'
import { planTeardown } from '../../../src/system/block/stack/plan-teardown.ts'
import type { BlockStack, TeardownAction } from '../../../src/system/block/stack/schema.ts'
import type { WipeDisk } from '../schema.ts'
import type { Refusal, Unit } from './selection.ts'

/** What stands on disks that are wiped, and how it is taken apart before. */
export interface StackPlan {
  units: Unit[]
  actions: TeardownAction[]
  /** What else is lost with it, for people. */
  notes: string[]
}

/**
 * One plan for each group of disks that something stands on together. Refused is what cannot be taken apart, or is in use
 * on a disk that is not wiped as well: stopping it would reach into what is to stay. A group with a refusal has no plan yet:
 * the rest of it is gone over again.
 */
export function planStacks(
  stack: BlockStack,
  units: readonly Unit[],
): { stacks: StackPlan[]; refusals: Refusal[] } {
  const names = units.flatMap((unit) => unit.names)
  const stacks: StackPlan[] = []
  const refusals: Refusal[] = []
  for (const group of stacksOf(stack, names)) {
    const within = units.filter((unit) => unit.names.some((name) => group.includes(name)))
    const objections = objectionsOf(stack, within, group)
    if (objections.length > 0) {
      refusals.push(...objections)
      continue
    }
    const { actions, others } = planTeardown(stack, group)
    const notes =
      others.length === 0 || within.every(({ lead }) => lead.virtual)
        ? []
        : [`it holds a part of an array, group or file system of which ${others.join(', ')} has another`]
    stacks.push({ units: within, actions, notes })
  }
  return { stacks, refusals }
}

/** Against the disks that are themselves in use as they must not be; where none is, against the whole group. */
function objectionsOf(stack: BlockStack, units: readonly Unit[], group: readonly string[]): Refusal[] {
  const own = units.flatMap((unit) => objectionTo(stack, unit.lead, unit.names, group))
  if (own.length > 0) return own
  return units.flatMap(({ lead }) => objectionTo(stack, lead, group, group))
}

function objectionTo(
  stack: BlockStack,
  disk: WipeDisk,
  names: readonly string[],
  group: readonly string[],
): Refusal[] {
  const spans = usedBeyond(stack, names, group)
  if (spans !== undefined) {
    const { by, disks } = spans
    const reason = `${by} stands on it and on ${disks.join(', ')}, which is not to be wiped`
    return [{ disk, reason, hint: `stop ${by} first, or wipe ${disks.join(', ')} too` }]
  }
  const { blocked } = planTeardown(stack, names, group)
  return blocked === null ? [] : [{ disk, reason: `what stands on it cannot be taken apart: ${blocked}` }]
}

/** Something that is in use on these disks and on others as well. */
function usedBeyond(
  stack: BlockStack,
  names: readonly string[],
  group: readonly string[],
): { by: string; disks: string[] } | undefined {
  const targets = new Set(group)
  const upper = aboveAll(stack, names)
  for (const node of upper) {
    if (targets.has(node.name)) continue
    const disks = disksBeyond(stack, node.on, targets)
    if (disks.length > 0) return { by: node.dmName ?? node.name, disks }
  }
  const above = new Set(upper.map(({ name }) => name))
  const joined = [
    ...stack.mounts.map(({ mountPoint, on }) => ({ by: `the file system at ${mountPoint}`, on })),
    ...stack.pools.map(({ name, on }) => ({ by: `the ZFS pool ${name}`, on })),
  ].filter(({ on }) => on.some((name) => above.has(name)))
  for (const { by, on } of joined) {
    const disks = disksBeyond(stack, on, targets)
    if (disks.length > 0) return { by, disks }
  }
  return undefined
}

/** Disks below these devices, but not what the targets themselves stand on: a loop device does on its file's disk. */
function disksBeyond({ nodes }: BlockStack, on: readonly string[], targets: ReadonlySet<string>): string[] {
  const byName = new Map(nodes.map((node) => [node.name, node]))
  const seen = new Set(on)
  const disks: string[] = []
  for (const name of seen) {
    const node = byName.get(name)
    if (node === undefined || targets.has(name)) continue
    if (node.kind === 'disk') disks.push(name)
    for (const below of node.on) seen.add(below)
  }
  return disks
}
