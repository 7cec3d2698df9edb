import type { Capabilities } from '../../../src/system/drive/schema.ts'
import type { WipeOptions } from '../options.ts'
import type { Level } from '../schema.ts'
import { standingDoubts } from './doubts.ts'
import { LEVEL_OF } from './levels.ts'
import { METHOD_NAMES, type MethodName } from './method-names.ts'
import { type Offer, offersOf } from './offers.ts'
import { attach, failedSanitize, type Running, runningErase } from './running.ts'
import { sectorTrouble } from './sectors.ts'
import {
  type ChooseMethods,
  capabilitiesOf,
  type MethodOptions,
  type Methods,
  NOTHING,
  refuse,
  type Subject,
  takesWritesOnly,
} from './subject.ts'

const LEVELS_FOR: Readonly<Record<WipeOptions['level'], readonly Level[]>> = {
  auto: ['purge', 'possible purge', 'clear'],
  purge: ['purge'],
  clear: ['clear'],
}

/** How to erase one disk, or all namespaces of a drive together. Never mixes levels, never goes below what was asked. */
export const chooseMethods: ChooseMethods = (subject, options) => {
  const [disk] = subject.disks
  const capabilities = capabilitiesOf(disk)
  const sector = sectorTrouble(disk, options)
  if (sector?.refuse !== undefined) return refuse(sector.refuse, sector.hint)
  const running = runningErase(capabilities)
  if (options.quick) return quick(subject, capabilities, running)
  if (running !== undefined && sector === undefined) return attach(subject, capabilities, running, options)
  // A format that runs already may be the one that the odd sectors need.
  if (running === 'sanitize') return refuse('a sanitize is running: start again when it has ended')

  const zoned = subject.disks.some(({ zoned }) => zoned === 'host-managed')
  const offers = offersOf(capabilities, {
    others: subject.others,
    rotational: disk.id.rotational,
    suspend: options.suspend,
    formatAsked: options.methods.includes('scsi-format') && options.methods.length < METHOD_NAMES.length,
  }).map((offer) => {
    if (!zoned || offer.method !== 'overwrite' || offer.unless !== undefined) return offer
    return { ...offer, unless: 'its zones take writes only in order (host-managed)' }
  })
  const unmarked = zoned || failedSanitize(capabilities)
  return { ...pick(offers, subject, options), reformat: sector !== undefined, unmarked }
}

function pick(offers: readonly Offer[], subject: Subject, options: MethodOptions): Methods {
  const standing = standingDoubts(subject)
  const wanted = LEVELS_FOR[options.level]
  const blocked: string[] = []
  for (const level of wanted) {
    const ofLevel = offers.filter(({ method }) => LEVEL_OF[method] === level)
    const usable = ofLevel.filter(({ method, unless }) => unless === undefined && allowed(method, options))
    const notes = [...blocked, ...standing.notes]
    if (usable.length > 0) {
      const choices = usable.map(({ method, scope, doubt }) => {
        const doubts = [doubt, ...standing.doubts].filter((each) => each !== undefined)
        return { method, level, scope, ...(doubts.length === 0 ? {} : { doubt: doubts.join('; ') }) }
      })
      return { ...NOTHING, choices, notes }
    }
    blocked.push(...whyNot(ofLevel, options))
  }
  const [first = noneFor(options, subject), ...more] = blocked
  const hint = hintFor(offers, options)
  return refuse([first, ...more].join('; '), hint)
}

/** One line for each reason for which methods of a level are not used. */
function whyNot(offers: readonly Offer[], options: MethodOptions): string[] {
  const reasons = Map.groupBy(
    offers.filter((offer) => offer.unless !== undefined || !allowed(offer.method, options)),
    (offer) =>
      allowed(offer.method, options) ? (offer.unless ?? '') : 'speediso.wipe.methods leaves it out',
  )
  return [...reasons].map(([why, which]) => `no ${which.map(({ method }) => method).join(', ')}: ${why}`)
}

function noneFor({ level }: MethodOptions, { disks }: Subject): string {
  const [{ capabilities, id }] = disks
  if (capabilities.status === 'unknown')
    return `what the drive can do is not known: ${capabilities.reason}; an overwrite does not reach ${level}`
  const why = takesWritesOnly(id) ? ` by ${id.transport}` : ''
  return `it has no method that reaches ${level}${why}`
}

function hintFor(offers: readonly Offer[], options: MethodOptions): string | undefined {
  const { level } = options
  const below = offers.filter(({ method, unless }) => unless === undefined && allowed(method, options))
  if (level === 'purge' && below.some(({ method }) => LEVEL_OF[method] === 'possible purge'))
    return 'speediso.wipe.level=auto takes a format that possibly purges, speediso.wipe.level=clear an erase that clears'
  if (level === 'purge' && below.length > 0) return 'speediso.wipe.level=clear'
  if (level === 'clear' && below.length > 0) return 'speediso.wipe.level=auto'
  if (options.methods.length < METHOD_NAMES.length && offers.some(({ unless }) => unless === undefined))
    return `speediso.wipe.methods=all; it has ${offers.map(({ method }) => method).join(', ')}`
  return undefined
}

function allowed(method: MethodName, { methods }: MethodOptions): boolean {
  return methods.includes(method)
}

/** Signatures only: the disk has to take a plain write. */
function quick(subject: Subject, capabilities: Capabilities, running: Running | undefined): Methods {
  const [disk] = subject.disks
  if (running !== undefined) return refuse(`a ${running} is running: start again when it has ended`)
  if (disk.zoned === 'host-managed') return refuse('its zones take writes only in order (host-managed)')
  if (capabilities.kind === 'ata' && capabilities.security.locked)
    return refuse('its ATA password locks it, which quick does not take off')
  const plain = offersOf(capabilities, {
    others: subject.others,
    rotational: disk.id.rotational,
    suspend: false,
    formatAsked: false,
  }).find(({ method }) => method === 'overwrite')
  if (plain?.unless !== undefined) return refuse(`nothing can be written to it: ${plain.unless}`)
  return { ...NOTHING, choices: [{ method: 'signatures', level: 'none', scope: 'disk' }] }
}
