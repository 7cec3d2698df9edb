import * as z from 'zod'
import { readFailure } from './attribute.ts'
import { absent, type Finding, findingSchema, flag, known, knownValue, unknown } from './finding.ts'
import type { MachineRoot } from './machine-root.ts'
import { readSmbios, SMBIOS_TABLE } from './smbios/read.ts'
import { decodeBios } from './smbios/structures.ts'

export const EFI = '/sys/firmware/efi'
const EFIVARS = `${EFI}/efivars`

/** UEFI 2.10, 3.3: EFI_GLOBAL_VARIABLE. */
const GLOBAL = '8be4df61-93ca-11d2-aa0d-00e098032b8c'

export const bootSchema = z.object({
  mode: findingSchema(z.enum(['UEFI', 'BIOS'])),
  secureBoot: flag.describe('absent: booted by BIOS, or the firmware has none'),
  setupMode: flag.describe('no platform key is enrolled'),
  firmwareCanUefi: flag,
})

export type Boot = z.infer<typeof bootSchema>

/** How this boot came about. */
export async function readBoot(root: MachineRoot): Promise<Finding<Boot>> {
  const mode = await readMode(root)
  const bios = knownValue(await readSmbios(root))?.structures.find(({ type }) => type === 0)
  const uefi = bios === undefined ? undefined : decodeBios(bios).uefi
  const source = `${SMBIOS_TABLE} type 0`
  if (mode.status === 'unknown') return mode
  return known(
    {
      mode,
      secureBoot: await readVariable(root, mode, 'SecureBoot'),
      setupMode: await readVariable(root, mode, 'SetupMode'),
      firmwareCanUefi: uefi === undefined ? unknown('not stated', source) : known(uefi, source),
    },
    EFI,
  )
}

/** The kernel makes /sys/firmware/efi when, and only when, it was started by UEFI. */
async function readMode(root: MachineRoot): Promise<Finding<'UEFI' | 'BIOS'>> {
  try {
    if (await root.exists(EFI)) return known('UEFI', EFI)
    if (await root.exists('/sys/firmware')) return known('BIOS', EFI)
    return unknown('no /sys/firmware', EFI)
  } catch (error) {
    return unknown(readFailure(error), EFI)
  }
}

/** efivarfs: four bytes of attributes, then the value, here one byte of 0 or 1. */
async function readVariable(
  root: MachineRoot,
  mode: Finding<'UEFI' | 'BIOS'>,
  name: string,
): Promise<Finding<boolean>> {
  if (knownValue(mode) !== 'UEFI') return absent('booted by BIOS', EFI)
  const path = `${EFIVARS}/${name}-${GLOBAL}`
  try {
    const variables = await root.list(EFIVARS)
    if (variables === undefined || variables.length === 0) return unknown('efivarfs is not mounted', EFIVARS)
    const bytes = await root.readBytes(path)
    if (bytes === undefined) return absent(`the firmware has no variable ${name}`, path)
    const value = bytes[4]
    return bytes.length === 5 && (value === 0 || value === 1)
      ? known(value === 1, path)
      : unknown(`${name} has ${bytes.length} bytes`, path)
  } catch (error) {
    return unknown(readFailure(error), path)
  }
}
