import { SpeedisoError } from '../../errors.ts'

/** The disk has gone, or is not what it was. */
export class GoneError extends SpeedisoError {
  override readonly code = 'disk-gone'
  /** Where it was noticed, in bytes. */
  readonly at: number

  constructor(reason: string, at: number) {
    super(reason)
    this.at = at
  }
}

/** Work on a disk cannot begin, or cannot go on, for a reason that is not one place of it. */
export class DiskWorkError extends SpeedisoError {
  override readonly code = 'disk-work-failed'
}

/** Linux, block/blk-core.c (blk_errors): there is no device behind it any more. */
const GONE = new Set(['ENXIO', 'ENODEV', 'ENOMEDIUM'])

/**
 * The same table: what may be wrong with one place. ENOSPC is a store behind it that is full, unless the disk has shrunk.
 */
const PLACE = new Set([
  'EIO',
  'ENODATA',
  'EREMOTEIO',
  'EILSEQ',
  'ETIMEDOUT',
  'ETIME',
  'ENOLINK',
  'ENOSPC',
  'EAGAIN',
  'EBUSY',
  'ENOMEM',
])

export function errorCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : undefined
}

/** What a failed read or write says: of the place, of the whole disk, or of something else. */
export function classify(error: unknown): 'place' | 'gone' | 'other' {
  const code = errorCode(error) ?? ''
  return GONE.has(code) ? 'gone' : PLACE.has(code) ? 'place' : 'other'
}
