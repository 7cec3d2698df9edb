/** One structure of the table (DSP0134 6.1): formatted area and its strings. */
export interface SmbiosStructure {
  type: number
  handle: number
  /** The formatted area, header included: byte offsets are those of the specification. */
  data: Buffer
  /** String number 1 is the first. */
  strings: readonly string[]
}

export interface SmbiosTable {
  /** `major.minor`; undefined when the entry point does not say. */
  version: string | undefined
  structures: readonly SmbiosStructure[]
  /** What is wrong with the table; when there is something, structures may be missing. */
  problems: readonly string[]
}

export interface EntryPoint {
  version: string | undefined
  /** Length of the table in bytes: exact for 2.x, the most that it may be for 3.x. */
  tableLength: number | undefined
  /** 2.x only. */
  structureCount: number | undefined
  problems: readonly string[]
}

const END_OF_TABLE = 127

/** DSP0134 5.2: `_SM_` for SMBIOS 2.1, `_SM3_` for 3.0 and later. Never throws. */
export function parseEntryPoint(bytes: Buffer): EntryPoint {
  const none = { version: undefined, tableLength: undefined, structureCount: undefined }
  if (bytes.length >= 0x18 && bytes.toString('latin1', 0, 5) === '_SM3_') {
    const problems = checksum(bytes, bytes.readUInt8(6))
    const version = `${bytes.readUInt8(7)}.${bytes.readUInt8(8)}`
    return { version, tableLength: bytes.readUInt32LE(0x0c), structureCount: undefined, problems }
  }
  if (bytes.length >= 0x1f && bytes.toString('latin1', 0, 4) === '_SM_') {
    // 2.1 was once misprinted with length 1Eh, and firmware follows it.
    const length = bytes.readUInt8(5) === 0x1e ? 0x1f : bytes.readUInt8(5)
    return {
      version: `${bytes.readUInt8(6)}.${bytes.readUInt8(7)}`,
      tableLength: bytes.readUInt16LE(0x16),
      structureCount: bytes.readUInt16LE(0x1c),
      problems: checksum(bytes, length),
    }
  }
  if (bytes.length >= 0x0f && bytes.toString('latin1', 0, 5) === '_DMI_') {
    const revision = bytes.readUInt8(0x0e)
    return {
      version: `${revision >> 4}.${revision & 15}`,
      tableLength: bytes.readUInt16LE(6),
      structureCount: bytes.readUInt16LE(0x0c),
      problems: checksum(bytes, 0x0f),
    }
  }
  return { ...none, problems: ['the entry point has no SMBIOS anchor'] }
}

function checksum(bytes: Buffer, length: number): string[] {
  if (length > bytes.length) return [`the entry point is cut off: ${bytes.length} of ${length} bytes`]
  const sum = bytes.subarray(0, length).reduce((total, byte) => total + byte, 0) & 0xff
  return sum === 0 ? [] : ['the entry point has a wrong checksum']
}

/** Walks the structures. Never reads past the end and never throws; what does not fit is a problem. */
export function parseSmbios(entryPoint: Buffer | undefined, table: Buffer): SmbiosTable {
  const entry = entryPoint === undefined ? undefined : parseEntryPoint(entryPoint)
  const problems = [...(entry?.problems ?? ['no entry point'])]
  const structures: SmbiosStructure[] = []
  let at = 0
  let ended = false
  while (!ended && at + 4 <= table.length) {
    const type = table.readUInt8(at)
    const length = table.readUInt8(at + 1)
    const handle = table.readUInt16LE(at + 2)
    const name = `structure type ${type} at byte ${at}`
    if (length < 4) {
      problems.push(`${name} claims a length of ${length} bytes; the rest of the table is lost`)
      break
    }
    if (at + length > table.length) {
      problems.push(`${name} is cut off: ${table.length - at} of ${length} bytes`)
      break
    }
    const set = parseStrings(table, at + length)
    if (set === undefined) problems.push(`${name} has strings that do not end`)
    structures.push({ type, handle, data: table.subarray(at, at + length), strings: set?.strings ?? [] })
    if (set === undefined) break
    at = set.end
    ended = type === END_OF_TABLE
  }
  if (!ended && problems.every((problem) => !problem.startsWith('structure'))) {
    problems.push(`the table ends at byte ${table.length} without an end-of-table structure`)
  }
  const count = entry?.structureCount
  if (count !== undefined && count !== 0 && structures.length < count) {
    problems.push(`the entry point announces ${count} structures, the table holds ${structures.length}`)
  }
  return { version: entry?.version, structures, problems }
}

/** The string set after a formatted area: NUL-terminated strings, then one more NUL (two when there is no string). */
function parseStrings(table: Buffer, start: number): { strings: string[]; end: number } | undefined {
  const strings: string[] = []
  let at = start
  for (;;) {
    const end = table.indexOf(0, at)
    if (end === -1) return undefined
    if (end === at) {
      // An empty set is two NULs; firmware that writes only one would shift everything after it.
      const step = strings.length === 0 ? 2 : 1
      return at + step <= table.length ? { strings, end: at + step } : undefined
    }
    strings.push(table.toString('utf8', at, end))
    at = end + 1
  }
}
