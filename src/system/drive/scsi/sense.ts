/** What a drive answers to REQUEST SENSE. */
export interface Sense {
  key: number
  asc: number
  ascq: number
  /** Of 65,536; null: none stated. */
  progress: number | null
}

/** Bytes as `sg_requests --hex` prints them: lines of an offset and up to 16 bytes. Undefined: something else. */
export function parseHex(output: string): Uint8Array | undefined {
  const bytes: number[] = []
  for (const line of output.split('\n')) {
    if (line.trim() === '') continue
    const [, offset = '', rest = ''] =
      /^ ([0-9a-f]{2,}) {5}((?: ?[0-9a-f]{2} ?)+)$/.exec(`${line.trimEnd()}`) ?? []
    if (offset === '' || Number.parseInt(offset, 16) !== bytes.length) return undefined
    bytes.push(
      ...rest
        .trim()
        .split(/ +/)
        .map((byte) => Number.parseInt(byte, 16)),
    )
  }
  return Uint8Array.from(bytes)
}

/** SPC-6, 4.4: sense data in fixed (70h) or descriptor (72h) format; deferred errors (71h, 73h) speak of an earlier command. */
export function parseSense(bytes: Uint8Array): Sense | undefined {
  const at = (index: number) => bytes[index] ?? 0
  const code = at(0) & 0x7f
  if (code === 0x70 || code === 0x71) {
    if (bytes.length < 14) return undefined
    return {
      key: at(2) & 0xf,
      asc: at(12),
      ascq: at(13),
      progress: bytes.length >= 18 && (at(15) & 0x80) !== 0 ? at(16) * 256 + at(17) : null,
    }
  }
  if (code !== 0x72 && code !== 0x73) return undefined
  if (bytes.length < 8) return undefined
  return { key: at(1) & 0xf, asc: at(2), ascq: at(3), progress: progressOf(bytes) }
}

/** The sense key specific descriptor (02h), or another progress indication (0Ah). */
function progressOf(bytes: Uint8Array): number | null {
  const end = Math.min(bytes.length, 8 + (bytes[7] ?? 0))
  for (let at = 8; at + 1 < end; at += 2 + (bytes[at + 1] ?? 0)) {
    const type = bytes[at]
    if (at + 8 > end) break
    if (type === 2 && ((bytes[at + 4] ?? 0) & 0x80) !== 0)
      return (bytes[at + 5] ?? 0) * 256 + (bytes[at + 6] ?? 0)
    if (type === 10) return (bytes[at + 6] ?? 0) * 256 + (bytes[at + 7] ?? 0)
  }
  return null
}

export type ScsiState =
  /** No sense: nothing is being done. */
  'ready' | 'sanitizing' | 'formatting' | 'sanitize-failed' | 'format-failed' | 'other'

/** SPC-6, annex F: additional sense codes. */
export function stateOf({ key, asc, ascq }: Sense): ScsiState {
  if (asc === 0x04 && ascq === 0x1b) return 'sanitizing'
  if (asc === 0x04 && ascq === 0x04) return 'formatting'
  if (asc === 0x31 && ascq === 0x03) return 'sanitize-failed'
  if (asc === 0x31 && (ascq === 0x00 || ascq === 0x01)) return 'format-failed'
  // 0Bh/5Eh with key 0: temperature, low power: the drive works.
  return key === 0 && asc !== 0x04 ? 'ready' : 'other'
}

export function describeSense({ key, asc, ascq, progress }: Sense): string {
  const hex = (value: number) => value.toString(16).padStart(2, '0').toUpperCase()
  return `sense ${key.toString(16).toUpperCase()}/${hex(asc)}/${hex(ascq)}${progress === null ? '' : `, ${progress} of 65536`}`
}
