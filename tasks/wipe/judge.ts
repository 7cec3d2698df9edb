import type { Verdict } from '../../src/runtime/verdict.ts'
import type { ReadResult } from '../../src/system/disk-io/schema.ts'
import type { EraseMethod, VerifyMode } from './schema.ts'

export interface VerifyFacts {
  mode: VerifyMode
  method: EraseMethod
  /** Bytes of the disk, and how many of them were to be read. */
  sizeBytes: number
  askedBytes: number
  /** Canaries that were on the disk before the erase for certain. */
  canaries: number
  read: ReadResult
}

/**
 * Canaries that a firmware erase has to be proved by at least: an erase that leaves out a twentieth of the disk is missed
 * by 64 places that it could have left with a probability of 0.95^64, less than 4 %.
 */
export const LEAST_CANARIES = 64

/** What reading back proves. Data that is still there is a failure; what could not be looked at is a doubt. */
export function judge(facts: VerifyFacts): { verdict: Verdict; reason?: string } {
  const { mode, method, read, canaries, askedBytes, sizeBytes } = facts
  if (mode === 'none') return { verdict: 'unknown', reason: 'not verified, as it was asked' }
  if (read.canariesFound.length > 0) {
    const many = `${read.canariesFound.length} of ${read.canariesChecked}`
    return { verdict: 'failed', reason: `data of before is still there: ${many} canaries were found again` }
  }
  if (read.mismatchedBytes > 0) {
    const first = read.mismatches[0]?.from
    return {
      verdict: 'failed',
      reason: `${read.mismatchedBytes} bytes are not what was written, the first at ${first}`,
    }
  }
  if (read.unreadableBytes > 0)
    return { verdict: 'unknown', reason: `${read.unreadableBytes} bytes cannot be read back` }
  if (read.readBytes < askedBytes)
    return { verdict: 'unknown', reason: `only ${read.readBytes} of ${askedBytes} bytes were read back` }
  if (mode === 'full' && askedBytes < sizeBytes)
    return { verdict: 'unknown', reason: `only ${askedBytes} of ${sizeBytes} bytes were looked at` }
  if (method === 'overwrite') return { verdict: 'passed' }
  // What a drive leaves behind has no known pattern: only what was there before can tell.
  const enough = Math.min(LEAST_CANARIES, Math.floor(sizeBytes / 4096))
  if (canaries < enough || read.canariesChecked < canaries) {
    const looked = Math.min(canaries, read.canariesChecked)
    return { verdict: 'unknown', reason: `only ${looked} canaries could be looked for, ${enough} are needed` }
  }
  return { verdict: 'passed' }
}
