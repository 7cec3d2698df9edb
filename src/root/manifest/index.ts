import { CHUNKING, zeroDigest } from './chunking.ts'

/** Bytes of a digest, and of an entry: length (u32le), then SHA-256. */
export const DIGEST_BYTES = 32
export const ENTRY_BYTES = 4 + DIGEST_BYTES

/** The chunks of an image in their order, packed as they stand in a manifest. */
export interface ChunkIndex {
  readonly count: number
  /** Bytes of the whole. */
  readonly size: number
  /** Where each starts, in bytes; one more than there are chunks, the last being the size. */
  readonly offsets: Float64Array
  readonly packed: Buffer
}

/** @throws RangeError for lengths that no chunk has */
export function readIndex(packed: Buffer, longest: number = CHUNKING.max): ChunkIndex {
  if (packed.length % ENTRY_BYTES !== 0) throw new RangeError('its chunk index does not end with an entry')
  const count = packed.length / ENTRY_BYTES
  const offsets = new Float64Array(count + 1)
  let at = 0
  for (let chunk = 0; chunk < count; chunk += 1) {
    const length = packed.readUInt32LE(chunk * ENTRY_BYTES)
    if (length === 0 || length > longest) throw new RangeError(`chunk ${chunk} has ${length} bytes`)
    at += length
    offsets[chunk + 1] = at
  }
  return { count, size: at, offsets, packed }
}

export function offsetOf(index: ChunkIndex, chunk: number): number {
  return index.offsets[chunk] as number
}

export function lengthOf(index: ChunkIndex, chunk: number): number {
  return (index.offsets[chunk + 1] as number) - (index.offsets[chunk] as number)
}

/** A view, no copy. */
export function digestOf({ packed }: ChunkIndex, chunk: number): Buffer {
  const from = chunk * ENTRY_BYTES + 4
  return packed.subarray(from, from + DIGEST_BYTES)
}

/** The digest as a key of a Map, one character a byte. */
export function keyOf({ packed }: ChunkIndex, chunk: number): string {
  const from = chunk * ENTRY_BYTES + 4
  return packed.toString('latin1', from, from + DIGEST_BYTES)
}

/** Tells which chunks hold nothing but zeros, by their digests. */
export function zeroChunks(index: ChunkIndex): Uint8Array {
  const known = new Map<number, Buffer>()
  const zero = new Uint8Array(index.count)
  for (let chunk = 0; chunk < index.count; chunk += 1) {
    const length = lengthOf(index, chunk)
    // Zeros end only at the greatest length, or at the end of the file.
    if (length !== CHUNKING.max && chunk !== index.count - 1) continue
    let digest = known.get(length)
    if (digest === undefined) {
      digest = zeroDigest(length)
      known.set(length, digest)
    }
    if (digest.equals(digestOf(index, chunk))) zero[chunk] = 1
  }
  return zero
}
