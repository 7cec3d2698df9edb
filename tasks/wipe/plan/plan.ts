import type { Plan, Step } from '../../../src/runtime/task.ts'
import type { WipeOptions } from '../options.ts'
import type { WipeFacts, WipeKinds, WipeStep } from '../schema.ts'
import { eraseSteps } from './erase-steps.ts'
import type { FirmwareSeconds } from './estimate.ts'
import { chooseMethods } from './methods.ts'
import { idOf, shortName, targetOf } from './names.ts'
import { type Refusal, selectDisks, type Unit } from './selection.ts'
import { settle } from './settle.ts'
import type { StackPlan } from './stacks.ts'
import type { ChooseMethods } from './subject.ts'
import { maySuspend, unfreezeStep } from './unfreeze.ts'

/** What the plan asks of others; replaced in tests. */
export interface PlanTools {
  chooseMethods: ChooseMethods
  firmwareSeconds: FirmwareSeconds
}

export const CHECK = 'check-disks'

/**
 * What is done to which disk, in which order: pure. Every disk that is asked for is in the lane of its drive, from what is
 * taken apart to the proof, or is refused; what is not asked for is in no step but the check of identities.
 * @throws InputError when a selector means no disk: a plan of nothing would be a wipe that passed
 */
export function planWipe(
  facts: WipeFacts,
  asked: WipeOptions,
  tools: Partial<PlanTools> = {},
): Plan<WipeKinds> {
  const { chooseMethods: choose = chooseMethods, firmwareSeconds } = tools
  const options = { ...asked, suspend: maySuspend(asked, facts) }
  const { units, refusals: early, left } = selectDisks(facts, options)
  const { erasures, stacks, refusals } = settle(facts, units, options, choose)
  const all = [...early, ...refusals]
  const wiped = new Set(erasures.flatMap((erasure) => erasure.units.map(({ lead }) => lead)))
  // Everything but virtual disks that have no part in it: a disk that has come or gone means that names may have moved.
  const looked = facts.disks.filter(
    (disk) => !disk.virtual || wiped.has(disk) || all.some((refusal) => refusal.disk === disk),
  )
  const check: Step<'check-disks', WipeKinds['check-disks']> = {
    id: CHECK,
    kind: 'check-disks',
    title: 'check that no disk of this machine has changed since the plan',
    lane: CHECK,
    params: { disks: looked.map(({ id }) => id), left },
  }
  const tornDown = new Map<Unit, string>()
  const steps: WipeStep[] = [check, ...inOrder(facts, all).map(refuseStep)]
  for (const stack of stacks) {
    const step = tearDownStep(stack)
    if (step === undefined) continue
    steps.push(step)
    for (const unit of stack.units) tornDown.set(unit, step.id)
  }
  const unfreeze = options.suspend
    ? unfreezeStep(erasures, [CHECK, ...new Set(tornDown.values())])
    : undefined
  if (unfreeze !== undefined) steps.push(unfreeze)
  const unfrozen = unfreeze === undefined ? [] : [unfreeze.id]
  for (const erasure of erasures) {
    const needs = new Set([CHECK, ...unfrozen, ...erasure.units.flatMap((unit) => tornDown.get(unit) ?? [])])
    const notes = stacks
      .filter((stack) => stack.units.some((unit) => erasure.units.includes(unit)))
      .flatMap((stack) => stack.notes)
    steps.push(...eraseSteps(erasure, options, [...needs], notes, firmwareSeconds))
  }
  if (facts.unseen.length > 0 && options.disks.some(({ kind }) => kind === 'all')) {
    steps.push({
      id: 'account',
      kind: 'account',
      title: 'account for every disk of this machine',
      lane: 'account',
      needs: [CHECK],
      params: { unseen: facts.unseen },
    })
  }
  return { steps }
}

function inOrder({ disks }: WipeFacts, refusals: readonly Refusal[]): Refusal[] {
  return refusals.toSorted((a, b) => disks.indexOf(a.disk) - disks.indexOf(b.disk))
}

function refuseStep({ disk: { id }, reason, hint }: Refusal): WipeStep {
  return {
    id: `refuse-${idOf(id)}`,
    kind: 'refuse',
    title: `refuse ${shortName(id)}`,
    target: targetOf(id),
    lane: `refuse-${idOf(id)}`,
    needs: [CHECK],
    params: { disk: id, reason, ...(hint === undefined ? {} : { hint }) },
  }
}

function tearDownStep({ units, actions }: StackPlan): WipeStep | undefined {
  const [first] = units
  if (actions.length === 0 || first === undefined) return undefined
  const disks = units.map(({ lead }) => lead.id)
  const id = `tear-down-${idOf(first.lead.id)}`
  return {
    id,
    kind: 'tear-down',
    title: `take apart what stands on ${disks.map(({ path }) => path).join(', ')}`,
    ...(disks.length === 1 ? { target: targetOf(first.lead.id) } : {}),
    lane: id,
    needs: [CHECK],
    params: { disks, actions },
  }
}
