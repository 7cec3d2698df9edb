import { createHash } from 'node:crypto'

/**
 * Content-defined chunking after FastCDC: a Gear rolling hash, normalised chunking at two levels, and no search below the
 * least length. Xia et al., "FastCDC: a Fast and Efficient Content-Defined Chunking Approach for Data Deduplication",
 * USENIX ATC 2016, sections 3.2 to 3.4. The hash has 32 bits here, which is what plain integers of JavaScript do fast.
 *
 * Every number below, and the table, is part of the algorithm: a change needs another name for it.
 */
export const CHUNKING = {
  algorithm: 'fastcdc-gear32/1',
  /** Bytes. No end is looked for before it. */
  min: 16 * 1024,
  /** Bytes; where the search turns from the strict to the loose mask. Random bytes come out at 72 KiB on average. */
  average: 64 * 1024,
  /** Bytes. A chunk ends here at the latest. */
  max: 256 * 1024,
} as const

/**
 * The paper's normalisation level 2: two bits more and two bits less than the average asks for. The highest bits of the
 * hash depend on the most bytes.
 */
const STRICT = ~0 << (32 - 18)
const LOOSE = ~0 << (32 - 14)

/** 256 numbers at random, anybody's to make again: the first four bytes of the SHA-256 of the algorithm's name and one byte. */
const GEAR = Int32Array.from({ length: 256 }, (_, byte) =>
  createHash('sha256').update(CHUNKING.algorithm).update(Uint8Array.of(byte)).digest().readInt32LE(),
)

/** The hash depends on so many bytes and no more: earlier ones have left its 32 bits. */
const WINDOW = 32

/**
 * Length of the chunk that starts at `from`. The bytes have to reach `from + CHUNKING.max`, or to be the last ones.
 */
export function chunkLength(bytes: Uint8Array, from: number, end: number): number {
  const last = Math.min(end, from + CHUNKING.max)
  const turn = Math.min(last, from + CHUNKING.average)
  const strict = searchEnd(bytes, Math.min(last, from + CHUNKING.min), turn, STRICT)
  if (strict !== -1) return strict - from
  const loose = searchEnd(bytes, turn, last, LOOSE)
  return (loose === -1 ? last : loose) - from
}

/** The place behind the first byte in [at, end) with which the masked bits of the hash are zero; -1: there is none. */
function searchEnd(bytes: Uint8Array, at: number, end: number, mask: number): number {
  if (at >= end) return -1
  // A local name, and four steps a round: 1.7 times as fast.
  const gear = GEAR
  let hash = 0
  for (let i = at - WINDOW; i < at; i += 1) hash = ((hash << 1) + (gear[bytes[i] as number] as number)) | 0
  let i = at
  for (const rounds = end - 4; i <= rounds; i += 4) {
    hash = ((hash << 1) + (gear[bytes[i] as number] as number)) | 0
    if ((hash & mask) === 0) return i + 1
    hash = ((hash << 1) + (gear[bytes[i + 1] as number] as number)) | 0
    if ((hash & mask) === 0) return i + 2
    hash = ((hash << 1) + (gear[bytes[i + 2] as number] as number)) | 0
    if ((hash & mask) === 0) return i + 3
    hash = ((hash << 1) + (gear[bytes[i + 3] as number] as number)) | 0
    if ((hash & mask) === 0) return i + 4
  }
  for (; i < end; i += 1) {
    hash = ((hash << 1) + (gear[bytes[i] as number] as number)) | 0
    if ((hash & mask) === 0) return i + 1
  }
  return -1
}

const ZEROS = Buffer.alloc(CHUNKING.max)

/** Whether all of these bytes, at most `CHUNKING.max`, are zero: a comparison of memory, which ends at the first that is none. */
export function isZero(bytes: Uint8Array, from: number, end: number): boolean {
  return ZEROS.compare(bytes, from, end, 0, end - from) === 0
}

/** SHA-256 of so many zeros. */
export function zeroDigest(length: number): Buffer {
  return createHash('sha256').update(ZEROS.subarray(0, length)).digest()
}
