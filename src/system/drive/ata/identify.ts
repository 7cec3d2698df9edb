import type { AtaCapabilities } from '../schema.ts'

/** IDENTIFY DEVICE as `hdparm --Istdout` prints it: 256 words in hexadecimal. Undefined: something else. */
export function parseIdentify(output: string): Uint16Array | undefined {
  const lines = output.split('\n').filter((line) => /^[0-9a-f]{4}( [0-9a-f]{4}){7}$/.test(line))
  const words = Uint16Array.from(
    lines.flatMap((line) => line.split(' ')).map((word) => Number.parseInt(word, 16)),
  )
  return words.length === 256 && isWhole(words) ? words : undefined
}

/** ACS-5, word 255: with A5h in its low byte, the sum of all 512 bytes is 0. All zeros is what a failed transfer gives. */
function isWhole(words: Uint16Array): boolean {
  const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength)
  const sum = bytes.reduce((total, byte) => (total + byte) & 255, 0)
  return words.some((word) => word !== 0) && (((words[255] ?? 0) & 255) !== 0xa5 || sum === 0)
}

export interface AtaIdentify {
  sanitize: AtaCapabilities['sanitize']
  security: AtaCapabilities['security']
  currentSectors: number
  logicalBytes: number
  /** What could hide sectors: a host protected area, a configuration overlay, an accessible maximum address. */
  hides: { hpa: boolean; dco: boolean; amac: boolean }
}

/** ACS-5 (and ACS-2 for HPA and DCO, which later standards retired), IDENTIFY DEVICE data. */
export function decodeIdentify(words: Uint16Array): AtaIdentify {
  const word = (index: number) => words[index] ?? 0
  const bit = (index: number, at: number) => ((word(index) >> at) & 1) === 1
  // Words 82, 83 and 119 count only where bits 15:14 of 83 and 119 say so (01b).
  const valid = (index: number) => word(index) >> 14 === 1
  const securityStated = (valid(83) && bit(82, 1)) || bit(128, 0)
  return {
    sanitize: {
      supported: bit(59, 12),
      crypto: bit(59, 12) && bit(59, 13),
      overwrite: bit(59, 12) && bit(59, 14),
      block: bit(59, 12) && bit(59, 15),
      antifreeze: bit(59, 12) && bit(59, 10),
    },
    security: {
      supported: securityStated,
      enabled: securityStated && (bit(128, 1) || bit(85, 1)),
      locked: securityStated && bit(128, 2),
      frozen: securityStated && bit(128, 3),
      countExpired: securityStated && bit(128, 4),
      enhanced: securityStated && bit(128, 5),
      eraseMinutes: minutes(word(89)),
      enhancedMinutes: minutes(word(90)),
    },
    currentSectors: sectors(words),
    // Word 106: bit 12, logical sectors longer than 256 words; words 117 and 118 say how many.
    logicalBytes: valid(106) && bit(106, 12) ? (word(117) + word(118) * 65_536) * 2 : 512,
    hides: {
      hpa: valid(83) && bit(82, 10),
      dco: valid(83) && bit(83, 11),
      // ACS-3 and later (word 80 bit 10).
      amac: valid(119) && bit(80, 10) && bit(119, 8),
    },
  }
}

/** Words 89 and 90: in steps of two minutes; bit 15 widens the field; 0: not stated; all ones: more than it can say. */
function minutes(word: number): number | null {
  const value = (word & 0x8000) === 0 ? word & 0xff : word & 0x7fff
  return value === 0 ? null : value * 2
}

/** Words 230 to 233 where bit 3 of word 69 says so; 100 to 103 with 48-bit addresses; else 60 and 61. */
function sectors(words: Uint16Array): number {
  const number = (from: number, count: number) =>
    Array.from({ length: count }, (_, at) => (words[from + at] ?? 0) * 65_536 ** at).reduce(
      (a, b) => a + b,
      0,
    )
  const supports48 = ((words[83] ?? 0) & 0xc400) === 0x4400
  if (((words[69] ?? 0) & 8) !== 0) return number(230, 4)
  return supports48 ? number(100, 4) : number(60, 2)
}
