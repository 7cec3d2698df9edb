import { FIRST_RECORD } from '../../../src/root/standing.ts'
import { NAMES, sameNames } from './disk.ts'
import { IMAGES, idOf } from './images.ts'
import type { Off } from './machine.ts'

/** Images that may become candidates. */
export const CANDIDATES = Object.keys(IMAGES).filter(
  (key) => IMAGES[key]?.sum === undefined && idOf(key) === key && key !== 'old' && key !== 'first',
)

const alone = sameNames({ [NAMES.current]: 'first' })

/** As installed: nothing is remembered yet. */
export const fresh: Off = {
  confirmed: 'first',
  disk: { names: alone, grub: alone, record: [undefined, undefined], loader: [{ seq: 1 }, { seq: 1 }] },
}

/** Somebody has taken its images away, and has put this candidate there. */
export const emptied = (candidate: string): Off => {
  const names = sameNames({ [NAMES.new]: candidate })
  return { confirmed: candidate, disk: { ...fresh.disk, names, grub: names } }
}

const both = sameNames({ [NAMES.current]: 'first', [NAMES.old]: 'old' })

/** After an update. */
export const settled: Off = {
  confirmed: 'first',
  disk: {
    names: both,
    grub: both,
    record: [
      { ...FIRST_RECORD, seq: 1, confirmed: 'old' },
      { ...FIRST_RECORD, seq: 2, confirmed: 'first' },
    ],
    loader: [{ seq: 1 }, { seq: 1 }],
  },
}

const named = (names: Record<string, string>, more: Partial<Off['disk']> = {}): Off => {
  const these = sameNames(names)
  return {
    confirmed: names[NAMES.old] ?? names[NAMES.current] ?? '',
    disk: { ...fresh.disk, names: these, grub: these, ...more },
  }
}

const confirmedAs = (image: string): Partial<Off['disk']> => ({
  record: [{ ...FIRST_RECORD, confirmed: image }, undefined],
})

/** As installed, with an image of which there are copies. */
export const copied: Off = named({ [NAMES.current]: 'base' })

/** The same, after an update. */
export const copiedOld: Off = {
  ...named({ [NAMES.current]: 'next', [NAMES.old]: 'base' }, confirmedAs('next')),
  confirmed: 'next',
}

/** Somebody has put an image there by hand that has the id of the old one, which is remembered as confirmed. */
export const sameId = (current: string): Off =>
  named({ [NAMES.current]: current, [NAMES.old]: 'base' }, confirmedAs('base'))

/** What is remembered as confirmed GRUB cannot load any more: the one to keep is the old one. */
export const unloadable: Off = named(
  { [NAMES.current]: 'damaged', [NAMES.old]: 'base' },
  confirmedAs('damaged'),
)
