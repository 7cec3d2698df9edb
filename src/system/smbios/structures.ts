import { fieldsOf } from './fields.ts'
import type { SmbiosStructure } from './table.ts'

// Offsets are those of DSP0134 3.7.1, section 7. Strings are as stated: placeholders are judged elsewhere.

/** Type 0, 7.1. */
export function decodeBios(structure: SmbiosStructure) {
  const f = fieldsOf(structure)
  const [major, minor] = [f.byte(0x14), f.byte(0x15)]
  // FFh twice: the firmware has no such number.
  const release = major === undefined || minor === undefined || (major === 255 && minor === 255)
  return {
    vendor: f.string(4),
    version: f.string(5),
    date: f.string(8),
    release: release ? undefined : `${major}.${minor}`,
    /** 7.1.2.2: the firmware says that it is UEFI. */
    uefi: bit(f.byte(0x13), 3),
    virtualMachine: bit(f.byte(0x13), 4),
  }
}

/** Type 1, 7.2. */
export function decodeSystem(structure: SmbiosStructure, version: string | undefined) {
  const f = fieldsOf(structure)
  return {
    manufacturer: f.string(4),
    product: f.string(5),
    version: f.string(6),
    serial: f.string(7),
    uuid: formatUuid(f.bytes(8, 16), version),
    sku: f.string(0x19),
    family: f.string(0x1a),
  }
}

/** Type 2, 7.3. */
export function decodeBoard(structure: SmbiosStructure) {
  const f = fieldsOf(structure)
  return {
    manufacturer: f.string(4),
    product: f.string(5),
    version: f.string(6),
    serial: f.string(7),
    assetTag: f.string(8),
    location: f.string(0x0a),
  }
}

/** Type 3, 7.4. */
export function decodeChassis(structure: SmbiosStructure) {
  const f = fieldsOf(structure)
  const height = f.byte(0x11)
  // The SKU stands after a list whose length and element size are given before it.
  const sku = 0x15 + (f.byte(0x13) ?? 0) * (f.byte(0x14) ?? 0)
  const type = f.byte(5)
  return {
    manufacturer: f.string(4),
    /** Bit 7 is the lock. */
    type: type === undefined ? undefined : type & 0x7f,
    version: f.string(6),
    serial: f.string(7),
    assetTag: f.string(8),
    heightUnits: height === 0 ? undefined : height,
    sku: f.string(sku),
  }
}

/** Type 4, 7.5. */
export function decodeProcessor(structure: SmbiosStructure) {
  const f = fieldsOf(structure)
  const status = f.byte(0x18)
  return {
    socket: f.string(4),
    /** 7.5.4 Processor Type: 3 is a CPU. */
    isCpu: f.byte(5) === 3,
    manufacturer: f.string(7),
    version: f.string(0x10),
    maxSpeedMhz: nonZero(f.word(0x14)),
    /** 7.5: bit 6 of the status. */
    populated: bit(status, 6),
    /** Bits 2:0 of the status: 1 is enabled. */
    enabled: status === undefined ? undefined : (status & 7) === 1,
    serial: f.string(0x20),
    assetTag: f.string(0x21),
    partNumber: f.string(0x22),
    cores: wide(f.byte(0x23), f.word(0x2a)),
    coresEnabled: wide(f.byte(0x24), f.word(0x2c)),
    threads: wide(f.byte(0x25), f.word(0x2e)),
  }
}

/** Type 16, 7.17. */
export function decodeMemoryArray(structure: SmbiosStructure) {
  const f = fieldsOf(structure)
  const kib = f.dword(7)
  const extended = f.qword(0x0f)
  const wide = kib === 0x80000000 // 7.17: look at the extended field, in bytes
  return {
    handle: structure.handle,
    use: f.byte(5),
    ecc: f.byte(6),
    maxCapacityBytes: wide ? toNumber(extended) : kib === undefined ? undefined : kib * 1024,
    slots: f.word(0x0d),
  }
}

/** Type 17, 7.18. */
export function decodeMemoryDevice(structure: SmbiosStructure) {
  const f = fieldsOf(structure)
  const attributes = f.byte(0x1b)
  return {
    arrayHandle: f.word(4),
    totalWidthBits: known16(f.word(8)),
    dataWidthBits: known16(f.word(0x0a)),
    size: memorySize(f.word(0x0c), f.dword(0x1c)),
    formFactor: f.byte(0x0e),
    locator: f.string(0x10),
    bank: f.string(0x11),
    memoryType: f.byte(0x12),
    /** MT/s; 7.18: FFFFh means that the extended field has it. */
    speed: memorySpeed(f.word(0x15), f.dword(0x54)),
    manufacturer: f.string(0x17),
    serial: f.string(0x18),
    assetTag: f.string(0x19),
    partNumber: f.string(0x1a),
    rank: attributes === undefined || (attributes & 15) === 0 ? undefined : attributes & 15,
    configuredSpeed: memorySpeed(f.word(0x20), f.dword(0x58)),
  }
}

/** Type 38, 7.39. */
export function decodeIpmiDevice(structure: SmbiosStructure) {
  const f = fieldsOf(structure)
  const revision = f.byte(5)
  return {
    interfaceType: f.byte(4),
    /** BCD nibbles: 20h is 2.0. */
    specification: revision === undefined ? undefined : `${revision >> 4}.${revision & 15}`,
  }
}

/** 7.2.1: the first three fields are little-endian since SMBIOS 2.6; before it nothing was said and they are taken as they stand. */
function formatUuid(bytes: Buffer | undefined, version: string | undefined): string | undefined {
  if (bytes === undefined) return undefined
  const [major = 0, minor = 0] = (version ?? '2.6').split('.').map(Number)
  const little = major > 2 || (major === 2 && minor >= 6)
  const order = little ? [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15] : Array.from(bytes.keys())
  const hex = order.map((at) => (bytes[at] ?? 0).toString(16).padStart(2, '0')).join('')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** Bytes; 0 is an empty slot, undefined is unknown. */
function memorySize(size: number | undefined, extended: number | undefined): number | undefined {
  if (size === undefined || size === 0xffff) return undefined
  if (size === 0x7fff) return extended === undefined ? undefined : (extended & 0x7fffffff) * 2 ** 20
  // Bit 15: the unit is KiB instead of MiB.
  return size & 0x8000 ? (size & 0x7fff) * 1024 : size * 2 ** 20
}

function memorySpeed(speed: number | undefined, extended: number | undefined): number | undefined {
  if (speed === 0xffff) return nonZero(extended === undefined ? undefined : extended & 0x7fffffff)
  return nonZero(speed)
}

/** FFh: the count stands in the wider field. */
function wide(count: number | undefined, wider: number | undefined): number | undefined {
  return nonZero(count === 0xff ? wider : count)
}

function known16(value: number | undefined): number | undefined {
  return value === 0xffff ? undefined : nonZero(value)
}

function nonZero(value: number | undefined): number | undefined {
  return value === 0 ? undefined : value
}

function toNumber(value: bigint | undefined): number | undefined {
  return value === undefined || value > BigInt(Number.MAX_SAFE_INTEGER) ? undefined : Number(value)
}

function bit(value: number | undefined, at: number): boolean | undefined {
  return value === undefined ? undefined : (value & (1 << at)) !== 0
}
