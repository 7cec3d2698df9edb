import { absent, type Finding, known, unknown } from '../finding.ts'
import { statedText } from '../placeholder.ts'
import { FORM_FACTORS, MEMORY_TYPES } from '../smbios/codes.ts'
import { SMBIOS_TABLE } from '../smbios/read.ts'
import { decodeMemoryDevice } from '../smbios/structures.ts'
import type { SmbiosStructure } from '../smbios/table.ts'
import type { MemorySlot } from './schema.ts'

const SOURCE = `${SMBIOS_TABLE} type 17`

/** One DIMM slot; of an empty one only its place is stated. */
export function readSlot(structure: SmbiosStructure): MemorySlot {
  const device = decodeMemoryDevice(structure)
  const empty = device.size === 0
  const ifModule = <T>(finding: Finding<T>): Finding<T> =>
    empty ? absent('the slot is empty', SOURCE) : finding
  const given = <T>(value: T | undefined, what: string): Finding<T> =>
    ifModule(value === undefined ? unknown(`no ${what} stated`, SOURCE) : known(value, SOURCE))
  const stated = (value: string | undefined, what: string) => ifModule(statedText(value, what, SOURCE))
  return {
    locator: statedText(device.locator, 'locator', SOURCE),
    bank: statedText(device.bank, 'bank', SOURCE),
    populated: device.size === undefined ? unknown('size not stated', SOURCE) : known(!empty, SOURCE),
    sizeBytes: given(device.size, 'size'),
    formFactor: given(named(FORM_FACTORS, device.formFactor), 'form factor'),
    type: given(named(MEMORY_TYPES, device.memoryType), 'memory type'),
    speedMts: given(device.speed, 'speed'),
    configuredSpeedMts: given(device.configuredSpeed, 'configured speed'),
    manufacturer: stated(device.manufacturer, 'manufacturer'),
    serial: stated(device.serial, 'serial'),
    partNumber: stated(device.partNumber, 'part number'),
    assetTag: stated(device.assetTag, 'asset tag'),
    rank: given(device.rank, 'rank'),
    totalWidthBits: given(device.totalWidthBits, 'total width'),
    dataWidthBits: given(device.dataWidthBits, 'data width'),
  }
}

function named(names: Readonly<Record<number, string>>, code: number | undefined): string | undefined {
  return code === undefined ? undefined : names[code]
}
