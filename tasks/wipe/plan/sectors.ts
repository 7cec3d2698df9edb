import { knownValue } from '../../../src/system/finding.ts'
import type { WipeDisk } from '../schema.ts'
import type { MethodOptions } from './subject.ts'

/** Sectors that are no multiple of 512 bytes have to become so before anything can be read or written. */
export function sectorTrouble(
  disk: WipeDisk,
  options: MethodOptions,
): { refuse?: string; hint?: string } | undefined {
  const bytes = oddSector(disk)
  if (bytes === undefined) return undefined
  const value = knownValue(disk.capabilities)
  const odd = `its sectors have ${bytes} bytes`
  if (value?.kind !== 'scsi' || !value.format)
    return { refuse: `${odd}, and it does not offer FORMAT UNIT to change that` }
  if (options.quick)
    return { refuse: `${odd}: nothing can be written before a format, which quick does not do` }
  if (!options.methods.includes('scsi-format')) {
    return {
      refuse: `${odd}: it has to be formatted first, and speediso.wipe.methods leaves scsi-format out`,
      hint: 'add scsi-format to speediso.wipe.methods',
    }
  }
  return {}
}

/** 520 or 528 and their like, as the drive states it; undefined: sectors that every system takes. */
export function oddSector({ capabilities }: WipeDisk): number | undefined {
  const value = knownValue(capabilities)
  const bytes = value?.kind === 'scsi' ? value.logicalBytes : 512
  return bytes % 512 === 0 ? undefined : bytes
}
