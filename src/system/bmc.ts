import * as z from 'zod'
import { readFailure, readLine } from './attribute.ts'
import { absent, type Finding, findingSchema, known, text, unknown } from './finding.ts'
import type { MachineRoot } from './machine-root.ts'
import { statedText } from './placeholder.ts'
import { BMC_INTERFACES } from './smbios/codes.ts'
import { readSmbios, SMBIOS_TABLE } from './smbios/read.ts'
import { decodeIpmiDevice } from './smbios/structures.ts'

export const IPMI_CLASS = '/sys/class/ipmi'

export const bmcSchema = z.object({
  devices: findingSchema(z.array(z.string())).describe('the kernel driver’s devices, such as ipmi0'),
  interface: text,
  specification: text.describe('IPMI version'),
  firmware: text,
  manufacturerId: text.describe('IANA enterprise number'),
})

export type Bmc = z.infer<typeof bmcSchema>

/** Whether there is a baseboard management controller: the IPMI driver found one, or SMBIOS type 38 announces one. */
export async function readBmc(root: MachineRoot): Promise<Finding<Bmc>> {
  let names: string[] | undefined
  try {
    names = await root.list(IPMI_CLASS)
  } catch (error) {
    return unknown(readFailure(error), IPMI_CLASS)
  }
  const smbios = await readSmbios(root)
  const table = smbios.status === 'known' ? smbios.value : undefined
  const structure = table?.structures.find(({ type }) => type === 38)
  const source = `${SMBIOS_TABLE} type 38`
  if (structure === undefined && (names === undefined || names.length === 0)) {
    if (table === undefined)
      return unknown('no IPMI driver at work, and no SMBIOS table', IPMI_CLASS, SMBIOS_TABLE)
    return table.problems.length > 0
      ? unknown(`not in the SMBIOS table, which is damaged: ${table.problems.join('; ')}`, IPMI_CLASS, source)
      : absent('SMBIOS announces no BMC, and no IPMI driver has found one', IPMI_CLASS, source)
  }
  const announced = structure === undefined ? undefined : decodeIpmiDevice(structure)
  const code = announced?.interfaceType
  const [device] = names ?? []
  const attribute = async (file: string, what: string): Promise<Finding<string>> => {
    if (device === undefined) return unknown('no IPMI driver at work', IPMI_CLASS)
    const line = await readLine(root, `${IPMI_CLASS}/${device}/device/bmc/${file}`)
    return line.status === 'known' ? statedText(line.value, what, ...line.sources) : line
  }
  const given = (value: string | undefined): Finding<string> =>
    value === undefined ? unknown('not stated by SMBIOS', source) : known(value, source)
  return known(
    {
      devices:
        device === undefined || names === undefined
          ? unknown('no IPMI driver at work', IPMI_CLASS)
          : known(names, IPMI_CLASS),
      interface: given(code === undefined ? undefined : (BMC_INTERFACES[code] ?? `code ${code}`)),
      specification: given(announced?.specification),
      firmware: await attribute('firmware_revision', 'firmware version'),
      manufacturerId: await attribute('manufacturer_id', 'manufacturer id'),
    },
    ...(structure === undefined ? [] : [source]),
    ...(device === undefined ? [] : [IPMI_CLASS]),
  )
}
