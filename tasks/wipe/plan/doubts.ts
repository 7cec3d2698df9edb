import { knownValue } from '../../../src/system/finding.ts'
import type { Subject } from './subject.ts'
import { isNetworked } from './transport.ts'

/** What stays in doubt, or is worth knowing, whichever method is taken. */
export function standingDoubts({ disks }: Subject): { doubts: string[]; notes: string[] } {
  const [{ id, capabilities }] = disks
  const doubts: string[] = []
  const notes: string[] = []
  if (id.transport === 'raid')
    doubts.push('a RAID volume: the physical drives behind the controller are not seen')
  if (isNetworked(id.transport)) doubts.push('reached over a network: the drives behind it are not seen')
  if (capabilities.status === 'unknown' && ['nvme', 'sata', 'ata'].includes(id.transport)) {
    doubts.push(`whether the drive hides sectors is not known: ${capabilities.reason}`)
  }
  const value = knownValue(capabilities)
  if (value?.kind === 'ata') {
    const unread = value.sectors.unread ?? []
    if (unread.length > 0) doubts.push(`whether it hides sectors is not known: ${unread.join('; ')}`)
    const { enabled, locked, frozen, countExpired } = value.security
    if (enabled && !locked && (frozen || countExpired))
      doubts.push('its ATA password could not be tried, and locks it from the next power-on')
  }
  if (id.transport === 'mmc') doubts.push('the boot areas of an eMMC are not a part of it and stay')
  if (id.serial === undefined && id.wwn === undefined)
    notes.push('it states neither serial nor WWN, and is known by name, place and size only')
  return { doubts, notes }
}
