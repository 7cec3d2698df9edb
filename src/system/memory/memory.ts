import { readLine } from '../attribute.ts'
import { type Disagreement, type Finding, known, knownValue, unknown } from '../finding.ts'
import type { MachineRoot } from '../machine-root.ts'
import { ECC_MODES, SYSTEM_MEMORY } from '../smbios/codes.ts'
import { readSmbios, SMBIOS_TABLE } from '../smbios/read.ts'
import { decodeMemoryArray, decodeMemoryDevice } from '../smbios/structures.ts'
import type { SmbiosTable } from '../smbios/table.ts'
import type { EccMode, Memory, MemorySlot } from './schema.ts'
import { readSlot } from './slot.ts'

export const MEMINFO = '/proc/meminfo'

type MemoryArray = ReturnType<typeof decodeMemoryArray>

/** Memory: the kernel's total, and from SMBIOS every slot, the empty ones too, and the error correction. */
export async function readMemory(root: MachineRoot): Promise<Finding<Memory>> {
  const totalBytes = await readTotal(root)
  const smbios = await readSmbios(root)
  if (smbios.status !== 'known') {
    if (totalBytes.status !== 'known')
      return unknown(`${totalBytes.reason}; ${smbios.reason}`, MEMINFO, SMBIOS_TABLE)
    const not = smbios as Finding<never>
    return known(
      {
        totalBytes,
        installedBytes: not,
        maxCapacityBytes: not,
        ecc: not,
        slots: not,
        notes: [],
        disagreements: [],
      },
      MEMINFO,
    )
  }
  const table = smbios.value
  const arrays = table.structures
    .filter(({ type }) => type === 16)
    .map(decodeMemoryArray)
    .filter(({ use }) => use === SYSTEM_MEMORY)
  const slots = readSlots(table, arrays)
  const installedBytes = sumOf(slots)
  const memory: Memory = {
    totalBytes,
    installedBytes,
    maxCapacityBytes: capacityOf(arrays),
    ecc: eccOf(arrays, table),
    slots,
    notes: notesOf(table, arrays, slots),
    disagreements: compare(totalBytes, installedBytes),
  }
  return known(memory, MEMINFO, SMBIOS_TABLE)
}

async function readTotal(root: MachineRoot): Promise<Finding<number>> {
  const text = await readLine(root, MEMINFO)
  if (text.status !== 'known') return text
  const kib = /^MemTotal:\s+(\d+) kB$/m.exec(text.value)?.[1]
  return kib === undefined
    ? unknown(`${MEMINFO} has no MemTotal`, MEMINFO)
    : known(Number(kib) * 1024, MEMINFO)
}

/** Slots of system memory; those of a flash or cache array are none. */
function readSlots(table: SmbiosTable, arrays: readonly MemoryArray[]): Finding<MemorySlot[]> {
  const source = `${SMBIOS_TABLE} type 17`
  const handles = new Set(arrays.map(({ handle }) => handle))
  const devices = table.structures
    .filter(({ type }) => type === 17)
    .filter((structure) => {
      const handle = decodeMemoryDevice(structure).arrayHandle
      return arrays.length === 0 || handle === undefined || handles.has(handle)
    })
  if (devices.length > 0) return known(devices.map(readSlot), source)
  if (table.problems.length > 0) {
    return unknown(`not in the SMBIOS table, which is damaged: ${table.problems.join('; ')}`, source)
  }
  return unknown('the SMBIOS table lists no memory device', source)
}

/** The sum counts only when every slot says what is in it. */
function sumOf(slots: Finding<MemorySlot[]>): Finding<number> {
  if (slots.status !== 'known') return slots
  let sum = 0
  for (const slot of slots.value) {
    if (slot.sizeBytes.status === 'unknown') {
      return unknown(
        `size of ${knownValue(slot.locator) ?? 'a slot'}: ${slot.sizeBytes.reason}`,
        ...slots.sources,
      )
    }
    sum += knownValue(slot.sizeBytes) ?? 0
  }
  return known(sum, ...slots.sources)
}

function capacityOf(arrays: readonly MemoryArray[]): Finding<number> {
  const source = `${SMBIOS_TABLE} type 16`
  const stated = arrays.map(({ maxCapacityBytes }) => maxCapacityBytes)
  if (stated.length === 0 || stated.some((bytes) => bytes === undefined || bytes === 0)) {
    return unknown('no maximum capacity stated', source)
  }
  return known(
    stated.reduce<number>((sum, bytes) => sum + (bytes ?? 0), 0),
    source,
  )
}

/** The array's own word (type 16): bus widths of the modules only say what they could do. */
function eccOf(arrays: readonly MemoryArray[], table: SmbiosTable): Finding<EccMode> {
  const source = `${SMBIOS_TABLE} type 16`
  const codes = new Set(arrays.map(({ ecc }) => ecc))
  if (codes.size === 0) {
    return table.problems.length > 0
      ? unknown(`not in the SMBIOS table, which is damaged: ${table.problems.join('; ')}`, source)
      : unknown('the SMBIOS table has no array of system memory', source)
  }
  const [code, ...others] = codes
  if (others.length > 0) return unknown('the memory arrays differ in their error correction', source)
  const mode = code === undefined ? undefined : ECC_MODES[code]
  return mode === undefined
    ? unknown(`error correction code ${code ?? 'not stated'}`, source)
    : known(mode, source)
}

function notesOf(table: SmbiosTable, arrays: readonly MemoryArray[], slots: Finding<MemorySlot[]>): string[] {
  const notes = table.problems.map((problem) => `SMBIOS: ${problem}`)
  const announced = arrays.reduce((sum, { slots: count }) => sum + (count ?? 0), 0)
  const listed = knownValue(slots)?.length
  if (listed !== undefined && arrays.length > 0 && announced !== listed) {
    notes.push(`the memory arrays announce ${announced} slots, ${listed} are listed`)
  }
  const slow = (knownValue(slots) ?? []).filter(
    (slot) => (knownValue(slot.configuredSpeedMts) ?? Infinity) < (knownValue(slot.speedMts) ?? 0),
  )
  if (slow.length > 0) notes.push(`${slow.length} modules run below their rated speed`)
  return notes
}

/** The kernel cannot use more than is installed. */
function compare(total: Finding<number>, installed: Finding<number>): Disagreement[] {
  if (total.status !== 'known' || installed.status !== 'known' || installed.value >= total.value) return []
  return [
    {
      what: 'installed memory',
      taken: { source: MEMINFO, value: total.value },
      other: { source: `${SMBIOS_TABLE} type 17`, value: installed.value },
    },
  ]
}
