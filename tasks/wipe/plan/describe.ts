import { formatDuration } from '../../../src/job/duration.ts'
import type { Plan } from '../../../src/runtime/task.ts'
import { describeAction } from '../../../src/system/block/stack/act.ts'
import { describeNode } from '../../../src/system/block/stack/describe.ts'
import type { DiskId, VerifyMode, WipeFacts, WipeKinds, WipeStep } from '../schema.ts'
import { diskSize } from '../sizes.ts'
import { wrap } from '../text.ts'
import { KIND_UNKNOWN } from './running.ts'

type StepOf<Kind extends keyof WipeKinds> = Extract<WipeStep, { kind: Kind }>

/** Columns of the labels below a disk. */
const LABEL = 14

/**
 * The plan for people, before anything is begun: of every disk who it is, what is on it, how it is erased and proved, and
 * how long that takes; then what is refused and what stays. Plain ASCII, at most 100 columns.
 */
export function describeWipePlan(facts: WipeFacts, plan: Plan<WipeKinds>): string[] {
  const { steps } = plan
  const work = steps.filter((step) => step.kind === 'erase' || step.kind === 'clear-signatures')
  const lines: string[] = []
  for (const step of work) lines.push('', ...describeWork(step, facts, steps))
  const refused = of(steps, 'refuse')
  if (refused.length > 0) lines.push('', 'Refused, and so the wipe will count as failed')
  for (const { params } of refused) {
    const { disk, reason, hint } = params
    lines.push(...wrap(identity(disk), '  '), ...labelled('because', reason))
    if (hint !== undefined) lines.push(...labelled('hint', hint))
    lines.push(...holds(facts, disk))
  }
  const left = of(steps, 'check-disks').flatMap(({ params }) => params.left)
  if (left.length > 0) lines.push('', 'Left alone')
  for (const { disk, reason } of left) lines.push(...wrap(`${identity(disk)}: ${reason}`, '  '))
  for (const { params } of of(steps, 'account')) {
    lines.push('', 'There may be more than is seen, so the verdict will be unknown')
    for (const reason of params.unseen) lines.push(...wrap(reason, '  '))
  }
  return [...summary(steps), ...lines]
}

function of<Kind extends keyof WipeKinds>(steps: readonly WipeStep[], kind: Kind): StepOf<Kind>[] {
  return steps.filter((step): step is StepOf<Kind> => step.kind === kind)
}

function summary(steps: readonly WipeStep[]): string[] {
  const erased = of(steps, 'erase').flatMap(({ params }) => params.disks).length
  const cleared = of(steps, 'clear-signatures').length
  const refused = of(steps, 'refuse').length
  const left = of(steps, 'check-disks').flatMap(({ params }) => params.left).length
  const counts = [
    cleared > 0 ? `${cleared} to lose signatures only, WITHOUT ERASING DATA` : `${erased} to erase`,
    ...(refused > 0 ? [`${refused} refused`] : []),
    ...(left > 0 ? [`${left} left alone`] : []),
  ]
  const time = totalTime(steps)
  return wrap(`wipe: disks: ${counts.join(', ')}; ${time}; nothing was changed`, '')
}

/** Drives run beside each other, so the slowest one counts; what nobody knows makes the sum a lower bound. */
function totalTime(steps: readonly WipeStep[]): string {
  const timed = steps.filter(({ kind }) => kind === 'erase' || kind === 'verify' || kind === 'reformat')
  if (timed.length === 0) return 'takes seconds'
  const lanes = Map.groupBy(timed, ({ lane = '' }) => lane)
  const sums = [...lanes.values()].map((lane) => lane.reduce((sum, { estimate = 0 }) => sum + estimate, 0))
  const whole = timed.every(({ estimate }) => estimate !== undefined)
  return `${whole ? 'takes about' : 'takes at least'} ${time(Math.max(...sums))}`
}

function time(seconds: number): string {
  const rounded = seconds < 60 ? seconds : Math.ceil(seconds / 60) * 60
  return formatDuration(Math.max(1, rounded) * 1000)
}

function describeWork(
  step: StepOf<'erase'> | StepOf<'clear-signatures'>,
  facts: WipeFacts,
  steps: readonly WipeStep[],
): string[] {
  const disks = step.kind === 'erase' ? step.params.disks : [step.params.disk]
  const names = new Set(disks.map(({ name }) => name))
  const lines = disks.flatMap((disk) => [...wrap(identity(disk), ''), ...holds(facts, disk)])
  for (const { params } of of(steps, 'tear-down')) {
    if (!params.disks.some(({ name }) => names.has(name))) continue
    const shared = params.disks.filter(({ name }) => !names.has(name)).map(({ path }) => path)
    const together = shared.length === 0 ? '' : ` (together with ${shared.join(', ')})`
    lines.push(...labelled('first', `${params.actions.map(describeAction).join(', ')}${together}`))
  }
  for (const { params } of of(steps, 'unfreeze')) {
    if (params.disks.some(({ name }) => names.has(name)))
      lines.push(...labelled('then', 'suspend the machine to memory once to unfreeze it'))
  }
  for (const each of steps) {
    if (each.kind === 'restore-size' && names.has(each.params.disk.name))
      lines.push(...labelled('then', each.title))
    if (each.kind === 'reformat' && names.has(each.params.disk.name))
      lines.push(...labelled('then', each.title))
  }
  if (step.kind === 'clear-signatures')
    return [...lines, ...labelled('clear', 'partition tables and signatures only; the data stays')]
  return [
    ...lines,
    ...describeErase(
      step,
      of(steps, 'verify').filter(({ params }) => names.has(params.disk.name)),
    ),
  ]
}

const READ: Readonly<Record<VerifyMode, string>> = {
  full: 'read all of it back',
  sample: 'look for the canaries, read a tenth back',
  none: 'nothing, as asked',
}

function describeErase(erase: StepOf<'erase'>, verifies: readonly StepOf<'verify'>[]): string[] {
  const { choices, passes, pattern, discard, attach, notes } = erase.params
  const [best, ...more] = choices
  if (best === undefined) return []
  const passText = passes === 1 ? `one pass of ${pattern}` : `${passes} passes of ${pattern}`
  const spell = (method: string) => (method === 'overwrite' ? `overwrite, ${passText}` : method)
  const extra = discard ? ['discarded before'] : []
  const all = best.scope === 'drive' && erase.params.disks.length > 1 ? ', all by one command' : ''
  const how = attach ? 'wait for what is running' : spell(best.method)
  const lines = labelled(
    'erase',
    `${how}; level: ${best.level}${all}${extra.map((each) => `; ${each}`).join('')}`,
  )
  if (more.length > 0 && !attach)
    lines.push(...labelled('if rejected', more.map(({ method }) => spell(method)).join(', then ')))
  const checks = choices.flatMap(({ method }) => {
    const [first] = verifies
    const check = first?.params.checks[method]
    return check === undefined ? [] : [{ method, ...check }]
  })
  for (const [mode, same] of Map.groupBy(checks, (check) => check.mode)) {
    const after = checks.every((check) => check.mode === mode)
      ? ''
      : ` (after ${same.map(({ method }) => method).join(', ')})`
    lines.push(...labelled('verify', `${READ[mode]}${after}`))
  }
  if (checks.some(({ kindUnknown }) => kindUnknown))
    lines.push(...labelled('doubt', `unless this run began it: ${KIND_UNKNOWN}`))
  for (const [doubt, same] of Map.groupBy(checks, (check) => check.doubt)) {
    if (doubt === undefined) continue
    const after =
      same.length === checks.length ? '' : ` (after ${same.map(({ method }) => method).join(', ')})`
    lines.push(...labelled('doubt', `the verdict will be unknown${after}: ${doubt}`))
  }
  for (const note of notes) lines.push(...labelled('note', note))
  return [...lines, ...labelled('time', timeOf(erase, verifies))]
}

function timeOf({ estimate }: StepOf<'erase'>, verifies: readonly StepOf<'verify'>[]): string {
  const reading = verifies.reduce((sum, step) => sum + (step.estimate ?? 0), 0)
  const known = verifies.every((step) => step.estimate !== undefined)
  const erasing = estimate === undefined ? 'erase not known' : `about ${time(estimate)} to erase`
  return `${erasing}, ${known ? `about ${time(reading)} to verify` : 'verification not known'}`
}

function labelled(label: string, text: string): string[] {
  return wrap(text, `  ${label.padEnd(LABEL - 2)}`)
}

function identity({ path, model, serial, wwn, sizeBytes, transport, rotational }: DiskId): string {
  const kind = rotational === null ? '' : rotational ? ' hdd' : ' ssd'
  return [
    `${path}  ${sizeBytes === 0 ? 'size not known' : diskSize(sizeBytes)} ${transport}${kind}`,
    model ?? 'model not known',
    serial === undefined ? 'serial not known' : `serial ${serial}`,
    ...(wwn === undefined ? [] : [`wwn ${wwn}`]),
  ].join(', ')
}

/** The tree of what lies and stands on a disk. */
function holds({ stack }: WipeFacts, { name }: DiskId): string[] {
  return describeNode(stack, name).flatMap((line, index) => {
    const indent = /^ */.exec(line)?.[0] ?? ''
    return wrap(line.trimStart(), `  ${(index === 0 ? 'holds' : '').padEnd(LABEL - 2)}${indent}`)
  })
}
