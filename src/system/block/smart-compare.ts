import type { Finding } from '../finding.ts'
import type { SmartHealth } from './smart-health.ts'

/** Per cent of the endurance from which a drive should be replaced: the maker's promise ends at 100. */
const WORN = 90

/** Counters that only ever grow: what a new one tells, one line each. */
const COUNTERS: readonly [field: 'reallocated' | 'uncorrectable' | 'interfaceErrors', words: string][] = [
  ['reallocated', 'reallocated sectors'],
  ['uncorrectable', 'uncorrectable errors of the medium'],
  ['interfaceErrors', 'transfer errors, which speak of the cable or backplane and not of the disk'],
]

/**
 * What two readings of one drive, before and after all of it was written, say against it: nothing, or one line each.
 *
 * Limits: pending and offline-uncorrectable sectors (ATA attributes 197, 198) above 0 count even if they were there
 * before, because writing a sector heals or reallocates it (smartmontools FAQ and its bad block HOWTO); so do the drive's
 * own judgement and warnings, spare capacity below the drive's threshold (NVM Express base specification 2.0, log 02h)
 * and 90 % of the endurance. Lifetime counters (5, 187, 199; media errors; grown defects) count when they have grown.
 * The entries of an NVMe error log are no sign: refused commands count there.
 */
export function compareHealth(before: SmartHealth, after: SmartHealth): string[] {
  return [...state(before, after), ...sectors(before, after), ...counters(before, after), ...wear(after)]
}

/** The same of what was found out; a reading that has gone is a line of its own. */
export function healthChange(
  before: Finding<SmartHealth> | null,
  after: Finding<SmartHealth> | null,
): string[] {
  if (after === null || after.status === 'absent') return []
  if (after.status === 'unknown')
    return before?.status === 'known'
      ? [`its health could be read before and not after: ${after.reason}`]
      : []
  if (before?.status === 'known') return compareHealth(before.value, after.value)
  // Without a first reading only what holds by itself can be said.
  return compareHealth({ ...after.value, passed: null, warnings: [] }, after.value)
}

function state(before: SmartHealth, after: SmartHealth): string[] {
  const lines = after.warnings.map((line) => (before.warnings.includes(line) ? `still: ${line}` : line))
  if (after.passed === false && lines.length === 0) lines.push('the drive says that it is failing')
  if (before.passed !== null && after.passed === null) lines.push('the drive no longer judges its own health')
  return lines
}

function sectors(before: SmartHealth, after: SmartHealth): string[] {
  const line = (count: number | null, first: number | null, words: string) => {
    if (count === null || count === 0) return []
    return [`${count} ${words} after all of it was written${first === null ? '' : `, ${first} before`}`]
  }
  return [
    ...line(after.pending, before.pending, 'pending sectors, which could not be read,'),
    ...line(
      after.offlineUncorrectable,
      before.offlineUncorrectable,
      'uncorrectable sectors as of its last offline scan',
    ),
  ]
}

function counters(before: SmartHealth, after: SmartHealth): string[] {
  const lines: string[] = []
  for (const [field, words] of COUNTERS) {
    const [first, last] = [before[field], after[field]]
    if (first === null || last === null || first === last) continue
    lines.push(
      last > first
        ? `${last - first} new ${words} (from ${first} to ${last})`
        : `its count of ${field === 'interfaceErrors' ? 'transfer errors' : words} fell from ${first} to ${last}, which such a counter never does`,
    )
  }
  const [first, last] = [before.errorLogEntries, after.errorLogEntries]
  // Only NVMe drives state their spare capacity.
  if (after.spare === null && first !== null && last !== null && last > first)
    lines.push(`${last - first} new entries in its error log, where refused commands count too`)
  return lines
}

function wear({ percentageUsed: used, spare }: SmartHealth): string[] {
  return [
    ...(used !== null && used >= WORN ? [`${used} % of its endurance is used`] : []),
    ...(spare !== null && spare.available < spare.threshold
      ? [`${spare.available} % of its spare capacity is left, below the threshold of ${spare.threshold} %`]
      : []),
  ]
}
