import { readAttribute, readNumber } from '../attribute.ts'
import { absent, type Finding, known, knownValue, unknown } from '../finding.ts'
import type { MachineRoot } from '../machine-root.ts'
import { statedText, statedUuid } from '../placeholder.ts'
import { CHASSIS_TYPES } from './codes.ts'
import { readSmbios, SMBIOS_TABLE } from './read.ts'
import type { Bios, Board, Chassis, System } from './schema.ts'
import { decodeBios, decodeBoard, decodeChassis, decodeSystem } from './structures.ts'
import type { SmbiosStructure, SmbiosTable } from './table.ts'

/** What the kernel took out of the table itself; all that there is when the table is not exported. */
export const DMI_ID = '/sys/class/dmi/id'

/** System: SMBIOS type 1. */
export async function readSystem(root: MachineRoot): Promise<Finding<System>> {
  const { smbios, table, structure } = await one(root, 1)
  const s = structure && decodeSystem(structure, table?.version)
  const of = (value: string | undefined, what: string, file: string) =>
    stated(root, structure, value, what, file)
  const value = {
    manufacturer: await of(s?.manufacturer, 'manufacturer', 'sys_vendor'),
    product: await of(s?.product, 'product', 'product_name'),
    version: await of(s?.version, 'version', 'product_version'),
    serial: await of(s?.serial, 'serial', 'product_serial'),
    uuid: await readSystemUuid(root, s?.uuid),
    sku: await of(s?.sku, 'SKU', 'product_sku'),
    family: await of(s?.family, 'family', 'product_family'),
  }
  return whole(smbios, 1, value, Object.values(value))
}

/** Type 1's UUID, or the one that the kernel made of it. */
export async function readSystemUuid(root: MachineRoot, raw: string | undefined): Promise<Finding<string>> {
  const path = `${DMI_ID}/product_uuid`
  const direct = raw === undefined ? undefined : statedUuid(raw, `${SMBIOS_TABLE} type 1`)
  if (direct !== undefined) return direct
  const text = await readAttribute(root, path, 'system UUID')
  return text.status === 'known' ? statedUuid(text.value, path) : text
}

/** BIOS: SMBIOS type 0. */
export async function readBios(root: MachineRoot): Promise<Finding<Bios>> {
  const { smbios, table, structure } = await one(root, 0)
  const s = structure && decodeBios(structure)
  const of = (value: string | undefined, what: string, file: string) =>
    stated(root, structure, value, what, file)
  const source = `${SMBIOS_TABLE} type 0`
  const value: Bios = {
    vendor: await of(s?.vendor, 'vendor', 'bios_vendor'),
    version: await of(s?.version, 'version', 'bios_version'),
    date: await of(s?.date, 'date', 'bios_date'),
    release: await of(s?.release, 'release', 'bios_release'),
    smbios: table?.version === undefined ? unknown('no SMBIOS table', source) : known(table.version, source),
    virtualMachine:
      s?.virtualMachine === undefined ? unknown('not stated', source) : known(s.virtualMachine, source),
  }
  return whole(smbios, 0, value, [value.vendor, value.version, value.date])
}

/** Boards: SMBIOS type 2; the first is the main one. */
export async function readBoards(root: MachineRoot): Promise<Finding<Board[]>> {
  const { smbios, structures } = await all(root, 2)
  const board = async (structure: SmbiosStructure | undefined): Promise<Board> => {
    const s = structure && decodeBoard(structure)
    const of = (value: string | undefined, what: string, file: string) =>
      stated(root, structure, value, what, file)
    return {
      manufacturer: await of(s?.manufacturer, 'manufacturer', 'board_vendor'),
      product: await of(s?.product, 'product', 'board_name'),
      version: await of(s?.version, 'version', 'board_version'),
      serial: await of(s?.serial, 'serial', 'board_serial'),
      assetTag: await of(s?.assetTag, 'asset tag', 'board_asset_tag'),
      location: statedText(s?.location, 'location', `${SMBIOS_TABLE} type 2`),
    }
  }
  const value = await Promise.all((structures.length === 0 ? [undefined] : structures).map(board))
  return whole(smbios, 2, value, Object.values(value[0] ?? {}))
}

/** Chassis: SMBIOS type 3; a blade has its own and its enclosure's. */
export async function readChassis(root: MachineRoot): Promise<Finding<Chassis[]>> {
  const { smbios, structures } = await all(root, 3)
  const source = `${SMBIOS_TABLE} type 3`
  const chassis = async (structure: SmbiosStructure | undefined): Promise<Chassis> => {
    const s = structure && decodeChassis(structure)
    const of = (value: string | undefined, what: string, file: string) =>
      stated(root, structure, value, what, file)
    const code = s?.type ?? knownValue(await readNumber(root, `${DMI_ID}/chassis_type`))
    const type = code === undefined ? undefined : CHASSIS_TYPES[code]
    return {
      manufacturer: await of(s?.manufacturer, 'manufacturer', 'chassis_vendor'),
      type: type === undefined ? unknown(`type code ${code ?? 'not stated'}`, source) : known(type, source),
      version: await of(s?.version, 'version', 'chassis_version'),
      serial: await of(s?.serial, 'serial', 'chassis_serial'),
      assetTag: await of(s?.assetTag, 'asset tag', 'chassis_asset_tag'),
      sku: statedText(s?.sku, 'SKU', source),
      heightUnits:
        s?.heightUnits === undefined ? unknown('height not stated', source) : known(s.heightUnits, source),
    }
  }
  const value = await Promise.all((structures.length === 0 ? [undefined] : structures).map(chassis))
  return whole(smbios, 3, value, Object.values(value[0] ?? {}))
}

/** The table's word; where there is no such structure, what the kernel holds under /sys/class/dmi/id. */
async function stated(
  root: MachineRoot,
  structure: SmbiosStructure | undefined,
  value: string | undefined,
  what: string,
  file: string,
): Promise<Finding<string>> {
  if (structure !== undefined) return statedText(value, what, `${SMBIOS_TABLE} type ${structure.type}`)
  return readAttribute(root, `${DMI_ID}/${file}`, what)
}

async function all(root: MachineRoot, type: number) {
  const smbios = await readSmbios(root)
  const table = knownValue(smbios)
  const structures = (table?.structures ?? []).filter((structure) => structure.type === type)
  return { smbios, table, structures }
}

async function one(root: MachineRoot, type: number) {
  const { structures, ...rest } = await all(root, type)
  return { ...rest, structure: structures[0] }
}

/** Known when anything of it is known; absent only when a whole table shows that there is no such structure. */
function whole<T>(
  smbios: Finding<SmbiosTable>,
  type: number,
  value: T,
  parts: readonly Finding<unknown>[],
): Finding<T> {
  const table = knownValue(smbios)
  const source = `${SMBIOS_TABLE} type ${type}`
  if (table?.structures.some((structure) => structure.type === type)) return known(value, source)
  if (parts.some((part) => part.status === 'known')) return known(value, `${DMI_ID}/*`)
  if (table === undefined) {
    const why = smbios.status === 'known' ? '' : smbios.reason
    return unknown(`${why}, and nothing in ${DMI_ID}`, SMBIOS_TABLE, DMI_ID)
  }
  if (table.problems.length > 0) {
    return unknown(`not in the SMBIOS table, which is damaged: ${table.problems.join('; ')}`, source)
  }
  return absent(`the SMBIOS table has no structure of type ${type}`, source)
}
