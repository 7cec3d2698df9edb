import { InputError } from '../../../src/errors.ts'
import { knownValue } from '../../../src/system/finding.ts'
import type { WipeOptions } from '../options.ts'
import type { LeftDisk, WipeDisk, WipeFacts } from '../schema.ts'
import { diskSize } from '../sizes.ts'
import { type DiskGroup, groupDisks, joins } from './groups.ts'
import { fitsDisk, isNaming, matches } from './match.ts'
import { oddSector } from './sectors.ts'
import type { Selector } from './selector.ts'

/** A disk that is asked for. */
export interface Unit {
  /** The one of its names that is worked on. */
  lead: WipeDisk
  /** All names that the kernel has for it: other paths of a multipath device too. */
  names: readonly string[]
  /** Names of what has its WWN and is perhaps the same disk: nothing may be in use there. */
  twins: readonly string[]
  /** Meant by itself, not only as one of a kind. */
  named: boolean
}

/** A disk that is asked for and must not be touched. */
export interface Refusal {
  disk: WipeDisk
  reason: string
  hint?: string
}

export interface Selection {
  units: Unit[]
  refusals: Refusal[]
  left: LeftDisk[]
}

type SelectOptions = Pick<WipeOptions, 'disks' | 'exclude'>

/**
 * Which disks are asked for, each once, and which are left alone by request.
 * @throws InputError when a selector means nothing, or more than it can: what was meant then is not certain
 */
export function selectDisks(facts: WipeFacts, options: SelectOptions): Selection {
  for (const selector of options.disks) checkSelector(facts, selector, 'disks')
  for (const selector of options.exclude) checkSelector(facts, selector, 'exclude')
  const selection: Selection = { units: [], refusals: [], left: [] }
  const joined = joins(facts)
  for (const group of groupDisks(facts)) selectGroup(group, options, joined, selection)
  if (selection.units.length + selection.refusals.length === 0) {
    const spared =
      options.exclude.length > 0 ? 'speediso.wipe.exclude leaves no disk to wipe' : 'no disk is left to wipe'
    throw new InputError(spared, { hint: offer(facts) })
  }
  return selection
}

function selectGroup(
  { members }: DiskGroup,
  { disks, exclude }: SelectOptions,
  joined: (a: WipeDisk, b: WipeDisk) => boolean,
  { units, refusals, left }: Selection,
): void {
  const leave = (disk: WipeDisk, reason: string, excluded = true) => {
    if (!disk.virtual) left.push({ disk: disk.id, excluded, reason })
  }
  const spared = exclude.find((selector) => members.some((disk) => fitsDisk(selector, disk) === 'yes'))
  if (spared !== undefined) {
    for (const disk of members) leave(disk, `left out by speediso.wipe.exclude=${spared.text}`)
    return
  }
  const meant = members.filter((disk) => disks.some((selector) => matches(selector, disk) === 'yes'))
  const [lead] = meant
  if (lead === undefined) {
    for (const disk of members) leave(disk, 'not among speediso.wipe.disks', false)
    return
  }
  const named = disks.some(
    (selector) => isNaming(selector) && meant.some((disk) => matches(selector, disk) === 'yes'),
  )
  const perhaps = exclude.find((selector) => members.some((disk) => perhapsMeant(selector, disk)))
  if (perhaps !== undefined) {
    const reason = `what speediso.wipe.exclude=${perhaps.text} goes by cannot be read of it, so it may be meant`
    for (const disk of meant) refusals.push({ disk, reason })
    return
  }
  if (!named && isEmptySlot(lead)) {
    for (const disk of members) leave(disk, 'there is no medium in it')
    return
  }
  const own = members.filter((disk) => disk === lead || joined(disk, lead))
  units.push({
    lead,
    names: own.map(({ id }) => id.name),
    twins: members.filter((disk) => !own.includes(disk)).map(({ id }) => id.name),
    named,
  })
  for (const disk of members) {
    if (disk === lead) continue
    if (joined(disk, lead)) leave(disk, `another path to ${lead.id.path}`)
    else if (meant.includes(disk)) {
      const reason = `it has the WWN of ${lead.id.path} and may be another path to it, so it is not wiped beside it`
      const hint = 'start multipathd, or name one of them by speediso.wipe.disks=path:/dev/NAME'
      refusals.push({ disk, reason, hint })
    } else leave(disk, `it has the WWN of ${lead.id.path} and may be another path to it`)
  }
}

/** A selector for a kind of disk may mean one of which that is not known; one that names a disk has found it elsewhere. */
function perhapsMeant(selector: Selector, disk: WipeDisk): boolean {
  return !isNaming(selector) && fitsDisk(selector, disk) === 'maybe'
}

/** A card reader without card. A fixed drive of 0 bytes is broken, and its data is still in it; one of odd sectors has no size yet. */
function isEmptySlot(disk: WipeDisk): boolean {
  const { removable, sizeBytes } = disk.disk
  return knownValue(removable) === true && knownValue(sizeBytes) === 0 && oddSector(disk) === undefined
}

function checkSelector(facts: WipeFacts, selector: Selector, option: 'disks' | 'exclude'): void {
  const means = option === 'exclude' ? fitsDisk : matches
  const meant = facts.disks.filter((disk) => means(selector, disk) === 'yes')
  // Spelled rightly, these two may well mean no disk of this machine; any other may be a typo.
  const certain = option === 'exclude' && (selector.kind === 'size' || selector.kind === 'transport')
  if (meant.length === 0 && !certain) {
    const whole = selector.kind === 'path' ? wholeOf(facts, selector.value) : undefined
    throw new InputError(`speediso.wipe.${option}=${selector.text} means no disk of this machine`, {
      hint: whole ?? offer(facts),
    })
  }
  if (option === 'exclude' || (selector.kind !== 'id' && selector.kind !== 'serial')) return
  const distinct = groupDisks({ disks: meant, stack: facts.stack })
  if (distinct.length > 1 && new Set(meant.map(({ drive }) => drive)).size > 1) {
    const which = meant.map(({ id }) => id.path).join(', ')
    throw new InputError(`speediso.wipe.disks=${selector.text} means several disks: ${which}`, {
      hint: 'name one by wwn:, by-path: or path:',
    })
  }
}

/** Whoever names a partition means its disk, perhaps. */
function wholeOf({ stack }: WipeFacts, path: string): string | undefined {
  const node = stack.nodes.find((each) => each.path === path)
  if (node === undefined) return undefined
  const below = stack.nodes.filter(({ name }) => node.on.includes(name)).map((each) => each.path)
  return `${path} is no whole disk${below.length === 0 ? '' : `: it stands on ${below.join(', ')}`}`
}

/** What there is to choose from, one line. */
function offer({ disks }: WipeFacts): string {
  const real = disks.filter(({ virtual }) => !virtual)
  if (real.length === 0) return 'this machine shows no disk'
  const shown = real.slice(0, 12).map(({ id }) => {
    const name = id.serial === undefined ? (id.wwn ?? 'no serial') : `serial:${id.serial}`
    return `${id.path} ${name} ${diskSize(id.sizeBytes)}`
  })
  const more = real.length > shown.length ? `, and ${real.length - shown.length} more` : ''
  return `there are ${shown.join(', ')}${more}`
}
