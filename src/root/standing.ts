import type { FileKey, StateRecord } from './record.ts'
import type { Observed } from './schema.ts'

/** How it stands with the current image. */
export type Standing =
  /** There is no such file. */
  | { is: 'missing' }
  /** Confirmed once; nothing to prove. */
  | { is: 'confirmed' }
  /** Put there by hand, or nobody remembers: taken as it is, as nothing speaks against it. */
  | { is: 'adopted' }
  /** `boots`: that have begun before this one. */
  | { is: 'on trial'; boots: number; limit: number }
  /** It had its boots, and was not confirmed. */
  | { is: 'spent'; limit: number }

/** The record that all others follow from, when there is none. */
export const FIRST_RECORD: StateRecord = {
  schema: 'speediso.root-state/1',
  seq: 1,
  bounces: 0,
  images: {},
  denied: [],
}

/**
 * The old image, when there is one to go back to: a second link of the current one is none, but what an interrupted swap
 * has left.
 */
export function fallbackImage({ files }: Observed): FileKey | undefined {
  return files.old === files.current ? undefined : files.old
}

/** Whether the current image is worth less than the old one that there is: GRUB or the initramfs could do nothing with it. */
export function isUseless(observed: Observed): boolean {
  const { unusable, fallback, booted, files } = observed
  return (
    fallbackImage(observed) !== undefined &&
    (unusable === true || (fallback === 'unreadable' && booted === files.old))
  )
}

/**
 * How it stands with the current image. The record knows best; what it does not know, what GRUB counts tells; and with
 * both lost the image is taken as it is, when nothing speaks against it.
 */
export function standingOf(observed: Observed): Standing {
  const { occasion, files, record, loader, ids, tries, fallback, booted } = observed
  const current = files.current
  if (current === undefined) return { is: 'missing' }
  if (record?.confirmed === current) return { is: 'confirmed' }
  const id = ids[current]
  const counted = loader !== undefined && id !== undefined && loader.image === id ? loader.tries : undefined
  const inTrial = (boots: number, limit: number): Standing => {
    // Of the running system the last boot of a trial may be the one that goes on now.
    const usedUp = occasion === 'boot' && (boots >= limit || fallback !== undefined)
    return usedUp ? { is: 'spent', limit } : { is: 'on trial', boots, limit }
  }
  if (record?.trial?.image === current) {
    const { boots, limit } = record.trial
    // GRUB has counted this boot already when it has begun the image that is on trial.
    const begun =
      counted === undefined ? boots : Math.max(boots, limit - counted - (countsThisBoot(observed) ? 1 : 0))
    return inTrial(begun, limit)
  }
  if (counted !== undefined)
    return inTrial(Math.max(0, tries - counted - (countsThisBoot(observed) ? 1 : 0)), tries)
  // Nobody remembers it, but the old one is known to be confirmed, or runs while the current one has yet to.
  const old = fallbackImage(observed)
  if (old !== undefined && (record?.confirmed === old || booted === old)) return inTrial(0, tries)
  return { is: 'adopted' }
}

/** Whether what GRUB has left already goes without the boot that runs now. */
function countsThisBoot({ occasion, booted, files }: Observed): boolean {
  return occasion === 'boot' && booted === files.current
}
