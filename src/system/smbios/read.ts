import { readFailure } from '../attribute.ts'
import { type Finding, known, unknown } from '../finding.ts'
import type { MachineRoot } from '../machine-root.ts'
import { parseSmbios, type SmbiosTable } from './table.ts'

export const SMBIOS_TABLE = '/sys/firmware/dmi/tables/DMI'
export const SMBIOS_ENTRY_POINT = '/sys/firmware/dmi/tables/smbios_entry_point'

/** The SMBIOS table that the kernel took over from the firmware. */
export async function readSmbios(root: MachineRoot): Promise<Finding<SmbiosTable>> {
  try {
    const table = await root.readBytes(SMBIOS_TABLE)
    if (table === undefined) {
      return unknown('the kernel has no SMBIOS table of this machine', SMBIOS_TABLE)
    }
    // Without an entry point the structures can still be walked; the parser notes it as a problem.
    const entryPoint = await root.readBytes(SMBIOS_ENTRY_POINT).catch(() => undefined)
    const parsed = parseSmbios(entryPoint, table)
    if (parsed.structures.length === 0) {
      return unknown(`the SMBIOS table is unreadable: ${parsed.problems.join('; ')}`, SMBIOS_TABLE)
    }
    return known(parsed, SMBIOS_TABLE)
  } catch (error) {
    return unknown(readFailure(error), SMBIOS_TABLE)
  }
}
