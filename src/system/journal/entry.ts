/** Fields of a journal entry: names in capitals, digits and `_`, values of any text. */
export type JournalFields = Readonly<Record<string, string>>

/**
 * An entry of the native protocol (systemd, JOURNAL_NATIVE_PROTOCOL): `NAME=value` and a line feed; a value that holds
 * line feeds itself comes as `NAME`, line feed, its length as 64-bit little-endian number, value, line feed.
 */
export function encodeEntry(fields: JournalFields): Buffer {
  const parts: Buffer[] = []
  for (const [name, value] of Object.entries(fields)) {
    if (!value.includes('\n')) parts.push(Buffer.from(`${name}=${value}\n`))
    else {
      const bytes = Buffer.from(value)
      const length = Buffer.alloc(8)
      length.writeBigUInt64LE(BigInt(bytes.length))
      parts.push(Buffer.from(`${name}\n`), length, bytes, Buffer.from('\n'))
    }
  }
  return Buffer.concat(parts)
}

/** Room for what says how much was left out, and for the length of a field, in bytes. */
const CUT_ROOM = 64

/** The fields within so many bytes in all: long values are cut, and say how much of them is left out. */
export function fitEntry(fields: JournalFields, limit: number): JournalFields {
  if (encodeEntry(fields).length <= limit) return fields
  const names = Object.keys(fields)
  const share = Math.max(0, Math.floor(limit / names.length) - CUT_ROOM)
  return Object.fromEntries(names.map((name) => [name, cutText(fields[name] ?? '', share - name.length)]))
}

function cutText(text: string, limit: number): string {
  const bytes = Buffer.from(text)
  if (bytes.length <= limit) return text
  let end = Math.max(0, limit)
  // Not in the middle of a character: bytes 10xxxxxx continue one.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1
  return `${bytes.toString('utf8', 0, end)}… (${bytes.length - end} bytes left out)`
}
