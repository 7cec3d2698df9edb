import { belowAll } from '../../../src/system/block/stack/graph.ts'
import { knownValue } from '../../../src/system/finding.ts'
import type { WipeOptions } from '../options.ts'
import type { WipeDisk, WipeFacts } from '../schema.ts'
import { protection } from './protect.ts'
import type { Refusal, Unit } from './selection.ts'
import { planStacks, type StackPlan } from './stacks.ts'
import type { ChooseMethods, Methods, Subject } from './subject.ts'

/** Disks that one erase step takes, and how. */
export interface Erasure {
  drive: string
  units: Unit[]
  methods: Methods
}

export interface Settled {
  erasures: Erasure[]
  stacks: StackPlan[]
  refusals: Refusal[]
}

/**
 * Sorts the disks that are asked for into those that are wiped and those that are refused. To refuse one may leave another
 * without its method (a drive with a namespace that stays takes no sanitize) or with an array that must stay, so it is gone
 * over until nothing changes any more.
 */
export function settle(
  facts: WipeFacts,
  units: readonly Unit[],
  options: WipeOptions,
  chooseMethods: ChooseMethods,
): Settled {
  const refusals: Refusal[] = []
  let accepted = [...units]
  const refuse = (more: readonly Refusal[]) => {
    refusals.push(...more)
    const gone = new Set(more.map(({ disk }) => disk.id.name))
    accepted = accepted.filter(({ lead }) => !gone.has(lead.id.name))
    return more.length > 0
  }
  refuse(
    units.flatMap((unit) => {
      const why = protection(unit, facts) ?? loopOnWiped(unit, units, facts)
      return why === undefined ? [] : [{ disk: unit.lead, ...why }]
    }),
  )
  for (;;) {
    const { stacks, refusals: inUse } = planStacks(facts.stack, accepted)
    if (refuse(inUse)) continue
    const { erasures, refusals: noMethod } = planErasures(facts, accepted, options, chooseMethods)
    if (refuse(noMethod)) continue
    return { erasures, stacks, refusals }
  }
}

function loopOnWiped(
  unit: Unit,
  units: readonly Unit[],
  { stack }: WipeFacts,
): { reason: string } | undefined {
  if (!unit.lead.virtual) return undefined
  const below = new Set(belowAll(stack, unit.names).map(({ name }) => name))
  const host = units.find((other) => other !== unit && other.names.some((name) => below.has(name)))
  return host === undefined
    ? undefined
    : { reason: `its file lies on ${host.lead.id.path}, which is to be wiped itself` }
}

function planErasures(
  facts: WipeFacts,
  accepted: readonly Unit[],
  options: WipeOptions,
  chooseMethods: ChooseMethods,
): { erasures: Erasure[]; refusals: Refusal[] } {
  const erasures: Erasure[] = []
  const refusals: Refusal[] = []
  for (const [drive, units] of Map.groupBy(accepted, ({ lead }) => lead.drive)) {
    const others = othersOn(drive, units, facts)
    const together =
      others.length === 0 && !options.quick ? takeTogether(units, options, chooseMethods) : undefined
    if (together?.choices[0]?.scope === 'drive') {
      erasures.push({ drive, units, methods: together })
      continue
    }
    for (const unit of units) {
      const beside = units.filter((each) => each !== unit).map(({ lead }) => lead.id.path)
      const methods = chooseMethods({ disks: [unit.lead], others: [...others, ...beside] }, options)
      const { refuse } = methods
      if (refuse === undefined) erasures.push({ drive, units: [unit], methods })
      // Where not even all together could be erased, that is why: not that one would take the others with it.
      else refusals.push({ disk: unit.lead, reason: together?.refuse ?? refuse, ...hintOf(methods) })
    }
  }
  return { erasures, refusals }
}

function hintOf({ hint }: Methods): { hint?: string } {
  return hint === undefined ? {} : { hint }
}

/** How all namespaces of a drive would be erased at once; undefined: there is but one, or one that nothing is known of. */
function takeTogether(
  units: readonly Unit[],
  options: WipeOptions,
  chooseMethods: ChooseMethods,
): Methods | undefined {
  const [first, ...rest] = units.map(({ lead }) => lead)
  if (first === undefined || rest.length === 0) return undefined
  if ([first, ...rest].some(({ capabilities }) => capabilities.status !== 'known')) return undefined
  const subject: Subject = { disks: [first, ...rest], others: [] }
  return chooseMethods(subject, options)
}

/** Paths of what else is on a drive: disks that are not wiped, and namespaces that the system shows no disk for. */
function othersOn(drive: string, units: readonly Unit[], { disks }: WipeFacts): string[] {
  const wiped = new Set(units.flatMap(({ names }) => names))
  const onDrive = disks.filter((disk) => disk.drive === drive)
  const known = new Set(onDrive.map(({ id }) => id.path))
  const staying = onDrive.filter(({ id }) => !wiped.has(id.name)).map(({ id }) => id.path)
  const strange = onDrive.flatMap(namespacePaths).filter((path) => !known.has(path))
  return [...new Set([...staying, ...strange])]
}

function namespacePaths({ capabilities }: WipeDisk): string[] {
  const value = knownValue(capabilities)
  if (value?.kind !== 'nvme') return []
  return value.namespaces.flatMap(({ path }) => (path === null ? [] : [path]))
}
