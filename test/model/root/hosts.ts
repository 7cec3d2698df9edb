import { FIRST_RECORD } from '../../../src/root/standing.ts'
import { NAMES, sameNames } from './disk.ts'
import { IMAGES } from './images.ts'
import type { Off } from './machine.ts'

/** Images that may become candidates. */
export const CANDIDATES = Object.keys(IMAGES).filter((key) => key !== 'old' && key !== 'first')

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
