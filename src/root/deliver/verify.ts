import { hash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { type ChunkIndex, digestOf, lengthOf, offsetOf } from '../manifest/index.ts'

/** Bytes read at once, at most, but for a chunk that is longer. */
const BLOCK = 4 * 2 ** 20

/** Whether these are the bytes of a chunk. */
export function isChunk(index: ChunkIndex, chunk: number, bytes: Uint8Array): boolean {
  return (
    bytes.length === lengthOf(index, chunk) && hash('sha256', bytes, 'buffer').equals(digestOf(index, chunk))
  )
}

/** Tells of each chunk whether a file holds it at its own place. @throws the signal's reason */
export async function* verifyInPlace(
  file: FileHandle,
  index: ChunkIndex,
  signal: AbortSignal,
): AsyncGenerator<{ chunk: number; whole: boolean }> {
  for (let first = 0; first < index.count; ) {
    signal.throwIfAborted()
    const from = offsetOf(index, first)
    let next = first + 1
    while (next < index.count && offsetOf(index, next + 1) - from <= BLOCK) next += 1
    const bytes = await readAt(file, from, offsetOf(index, next) - from)
    for (let chunk = first; chunk < next; chunk += 1) {
      const at = offsetOf(index, chunk) - from
      yield { chunk, whole: isChunk(index, chunk, bytes.subarray(at, at + lengthOf(index, chunk))) }
    }
    first = next
  }
}

/** As many of these bytes as there are. */
export async function readAt(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length)
  let got = 0
  while (got < length) {
    const { bytesRead } = await file.read(bytes, got, length - got, offset + got)
    if (bytesRead === 0) break
    got += bytesRead
  }
  return bytes.subarray(0, got)
}
