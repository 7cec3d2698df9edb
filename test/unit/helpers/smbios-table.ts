/** A part of a structure's formatted area at a byte offset: a number of 1, 2, 4 or 8 bytes, or bytes. */
export type Part = readonly [offset: number, size: 1 | 2 | 4 | 8, value: number | bigint]

/** Makes one SMBIOS structure of the given length, as firmware would. */
export function structure(
  type: number,
  length: number,
  handle: number,
  parts: readonly Part[],
  strings: readonly string[] = [],
): Buffer {
  const data = Buffer.alloc(length)
  data.writeUInt8(type, 0)
  data.writeUInt8(length, 1)
  data.writeUInt16LE(handle, 2)
  for (const [offset, size, value] of parts) {
    if (size === 8) data.writeBigUInt64LE(BigInt(value), offset)
    else data.writeUIntLE(Number(value), offset, size)
  }
  const set = strings.length === 0 ? '\0\0' : `${strings.join('\0')}\0\0`
  return Buffer.concat([data, Buffer.from(set, 'utf8')])
}

export const END = structure(127, 4, 0x7f00, [])

/** An SMBIOS 3.4 entry point with the right checksum. */
export function entryPoint(tableLength: number): Buffer {
  const bytes = Buffer.alloc(0x18)
  bytes.write('_SM3_', 0, 'latin1')
  bytes.writeUInt8(0x18, 6)
  bytes.writeUInt8(3, 7)
  bytes.writeUInt8(4, 8)
  bytes.writeUInt32LE(tableLength, 0x0c)
  const sum = bytes.reduce((total, byte) => total + byte, 0)
  bytes.writeUInt8((256 - (sum & 0xff)) & 0xff, 5)
  return bytes
}

export interface Dimm {
  locator: string
  /** MiB; 0 is an empty slot, 0x7fff asks the extended field. */
  size: number
  extended?: number
  serial?: string
}

/** A memory array with `ecc` and its slots: structures 16 and 17. */
export function memoryTables(ecc: number, dimms: readonly Dimm[], announced = dimms.length): Buffer {
  const array = structure(16, 0x17, 0x1000, [
    [4, 1, 3],
    [5, 1, 3],
    [6, 1, ecc],
    [7, 4, 0x80000000],
    [0x0d, 2, announced],
    [0x0f, 8, 2n ** 40n],
  ])
  const slots = dimms.map(({ locator, size, extended = 0, serial = '' }, index) =>
    structure(
      17,
      0x5c,
      0x1100 + index,
      [
        [4, 2, 0x1000],
        [8, 2, 72],
        [0x0a, 2, 64],
        [0x0c, 2, size],
        [0x0e, 1, 9],
        [0x10, 1, 1],
        [0x12, 1, 0x22],
        [0x15, 2, 4800],
        [0x18, 1, serial === '' ? 0 : 2],
        [0x1c, 4, extended],
        [0x20, 2, 4400],
      ],
      serial === '' ? [locator] : [locator, serial],
    ),
  )
  return Buffer.concat([array, ...slots])
}

/** The two files under /sys/firmware/dmi/tables for these structures. */
export function dmiFiles(...structures: Buffer[]): Record<string, { base64: string }> {
  const table = Buffer.concat([...structures, END])
  return {
    '/sys/firmware/dmi/tables/DMI': { base64: table.toString('base64') },
    '/sys/firmware/dmi/tables/smbios_entry_point': { base64: entryPoint(table.length).toString('base64') },
  }
}
