import type { BlockFile } from './block-file.ts'
import { classify, DiskWorkError, errorCode, GoneError } from './errors.ts'

/**
 * Judges what a read or write of a disk has rejected with: resolves when only the place is at fault.
 * @throws GoneError when the disk is not there any more
 * @throws DiskWorkError for anything that trying elsewhere would not help
 */
export async function judgeFailure(file: BlockFile, error: unknown, at: number): Promise<void> {
  if (error instanceof GoneError || error instanceof DiskWorkError) throw error
  const kind = classify(error)
  const gone = await file.gone()
  if (gone !== undefined || kind === 'gone')
    throw new GoneError(gone ?? `the disk has gone (${errorCode(error)})`, at)
  if (kind === 'other')
    throw new DiskWorkError(`${errorCode(error) ?? String(error)} at ${at}`, { cause: error })
}

/** The disk's cache is written. @throws GoneError, DiskWorkError: what it has kept of the writes is not known */
export async function flushDisk(file: BlockFile, at: number): Promise<void> {
  try {
    await file.flush()
  } catch (error) {
    const gone = await file.gone()
    if (gone !== undefined || classify(error) === 'gone') throw new GoneError(gone ?? 'the disk has gone', at)
    const code = errorCode(error) ?? String(error)
    throw new DiskWorkError(`the disk does not confirm that what it cached is written (${code})`, {
      cause: error,
    })
  }
}

/** @throws GoneError when it is not the disk any more that was opened */
export async function stillThere(file: BlockFile, at: number): Promise<void> {
  const gone = await file.gone()
  if (gone !== undefined) throw new GoneError(gone, at)
}
