import type { SmbiosStructure } from './table.ts'

/** Reads a structure's formatted area; a field past its end is undefined, as older firmware has shorter structures. */
export interface Fields {
  byte(offset: number): number | undefined
  word(offset: number): number | undefined
  dword(offset: number): number | undefined
  qword(offset: number): bigint | undefined
  bytes(offset: number, length: number): Buffer | undefined
  /** The string that the byte at `offset` numbers; undefined when the field is 0 (none) or names no string. */
  string(offset: number): string | undefined
}

export function fieldsOf(structure: SmbiosStructure): Fields {
  const { data, strings } = structure
  const fits = (offset: number, size: number) => offset + size <= data.length
  return {
    byte: (offset) => (fits(offset, 1) ? data.readUInt8(offset) : undefined),
    word: (offset) => (fits(offset, 2) ? data.readUInt16LE(offset) : undefined),
    dword: (offset) => (fits(offset, 4) ? data.readUInt32LE(offset) : undefined),
    qword: (offset) => (fits(offset, 8) ? data.readBigUInt64LE(offset) : undefined),
    bytes: (offset, length) => (fits(offset, length) ? data.subarray(offset, offset + length) : undefined),
    string: (offset) => (fits(offset, 1) ? strings[data.readUInt8(offset) - 1] : undefined),
  }
}
