/** Fields of one journal entry; systemd.journal-fields(7) names those that it knows. */
export type JournalFields = Readonly<Record<string, string | number | undefined>>

/** Bytes of one datagram; the kernel takes 208 KiB (net.core.wmem_default) less its own overhead. */
export const ENTRY_LIMIT = 128 * 1024

/** Bytes of a field that is cut because the entry is too large. */
const CUT_FIELD = 16 * 1024
const CUT_MARK = '… (cut)'

/**
 * One entry in the journal's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): `NAME=value` and a newline, or, where
 * the value has a newline in it, `NAME`, a newline, its length as 64-bit little endian, the value, a newline. Fields
 * without a value are left out; an entry that would be too large has its long fields cut.
 */
export function encodeEntry(fields: JournalFields): Buffer {
  const whole = encodeFields(fields, (value) => value)
  return whole.length <= ENTRY_LIMIT ? whole : encodeFields(fields, cut)
}

function encodeFields(fields: JournalFields, shape: (value: Buffer) => Buffer): Buffer {
  const parts: Buffer[] = []
  for (const [name, field] of Object.entries(fields)) {
    if (field === undefined || field === '') continue
    const value = shape(Buffer.from(String(field)))
    if (value.includes(0x0a)) {
      const length = Buffer.alloc(8)
      length.writeBigUInt64LE(BigInt(value.length))
      parts.push(Buffer.from(`${name}\n`), length)
    } else parts.push(Buffer.from(`${name}=`))
    parts.push(value, Buffer.from('\n'))
  }
  return Buffer.concat(parts)
}

function cut(value: Buffer): Buffer {
  if (value.length <= CUT_FIELD) return value
  return Buffer.concat([value.subarray(0, CUT_FIELD), Buffer.from(CUT_MARK)])
}
