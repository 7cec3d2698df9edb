import { open } from 'node:fs/promises'

/** A piece of something that was removed. */
export interface Needle {
  /** Where it was, below the root. */
  path: string
  bytes: Buffer
}

export interface Remnant {
  path: string
  /** Bytes from the start of the image file. */
  offset: number
}

const NEEDLE_BYTES = 32
/** Less different values stand in texts that are everywhere, such as lines of dashes. */
const NEEDLE_VALUES = 14
/** Each of them costs a pass over the memory that is read. */
export const MOST_NEEDLES = 48
const CHUNK = 4 * 2 ** 20

/** A piece of a file that tells it from others; undefined when it has none. */
export function pickNeedle(path: string, bytes: Buffer): Needle | undefined {
  // Keys begin with what all keys of their kind begin with, and often hold the public half before the private one.
  for (const part of [0.7, 0.5, 0.3, 0]) {
    const from = Math.min(Math.floor(bytes.length * part), bytes.length - NEEDLE_BYTES)
    if (from < 0) return undefined
    const piece = bytes.subarray(from, from + NEEDLE_BYTES)
    if (new Set(piece).size >= NEEDLE_VALUES) return { path, bytes: Buffer.from(piece) }
  }
  return undefined
}

/** Looks for pieces of removed files in the raw image, free blocks and all. @throws the signal's reason */
export async function findRemnants(
  image: string,
  needles: readonly Needle[],
  signal: AbortSignal,
): Promise<Remnant[]> {
  if (needles.length === 0) return []
  await using file = await open(image, 'r')
  const zeros = Buffer.alloc(CHUNK + NEEDLE_BYTES)
  const buffer = Buffer.alloc(CHUNK + NEEDLE_BYTES)
  const found = new Map<string, Remnant>()
  for (let at = 0; ; at += CHUNK) {
    signal.throwIfAborted()
    // The end of it is read twice, so that no piece falls between two reads.
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at)
    const chunk = buffer.subarray(0, bytesRead)
    if (!chunk.equals(zeros.subarray(0, bytesRead)))
      for (const { path, bytes } of needles) {
        const offset = found.has(path) ? -1 : chunk.indexOf(bytes)
        if (offset !== -1) found.set(path, { path, offset: at + offset })
      }
    if (bytesRead < buffer.length) return [...found.values()]
  }
}
