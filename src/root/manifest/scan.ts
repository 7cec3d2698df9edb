import { createHash, hash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { CHUNKING, chunkLength, isZero, zeroDigest } from './chunking.ts'
import { type ChunkIndex, ENTRY_BYTES, readIndex } from './index.ts'

export interface ScanDeps {
  signal: AbortSignal
  /** Bytes read, of all. */
  progress?: (done: number, total: number) => void
}

/** Bytes read at once. */
const BLOCK = 4 * 2 ** 20

/** SHA-256 of a whole file and of its chunks, in one pass. @throws the signal's reason */
export async function scanFile(path: string, deps: ScanDeps): Promise<{ sha256: string; index: ChunkIndex }> {
  const whole = createHash('sha256')
  const entries: Buffer[] = []
  const zeros = zeroDigest(CHUNKING.max)
  const add = (length: number, digest: Buffer) => {
    const entry = Buffer.allocUnsafe(ENTRY_BYTES)
    entry.writeUInt32LE(length)
    digest.copy(entry, 4)
    entries.push(entry)
  }
  // What is left of a block goes before the next one, so that a chunk always lies in one piece.
  let left = 0
  let room = Buffer.alloc(CHUNKING.max + BLOCK)
  let next = Buffer.alloc(CHUNKING.max + BLOCK)
  await using file = await open(path, 'r')
  for await (const { bytes, last } of readBlocks(file, deps, () => room)) {
    whole.update(bytes)
    let at = CHUNKING.max - left
    const end = CHUNKING.max + bytes.length
    while (last ? at < end : end - at >= CHUNKING.max) {
      if (end - at >= CHUNKING.max && isZero(room, at, at + CHUNKING.max)) {
        add(CHUNKING.max, zeros)
        at += CHUNKING.max
        continue
      }
      const length = chunkLength(room, at, end)
      add(length, hash('sha256', room.subarray(at, at + length), 'buffer'))
      at += length
    }
    left = end - at
    room.copy(next, CHUNKING.max - left, at, end)
    ;[room, next] = [next, room]
  }
  return { sha256: whole.digest('hex'), index: readIndex(Buffer.concat(entries)) }
}

/** The file block by block, each read at the place that `room` has for it. */
async function* readBlocks(file: FileHandle, { signal, progress }: ScanDeps, room: () => Buffer) {
  const { size } = await file.stat()
  for (let at = 0; at < size; ) {
    signal.throwIfAborted()
    const target = room()
    const wanted = Math.min(BLOCK, size - at)
    let got = 0
    while (got < wanted) {
      const { bytesRead } = await file.read(target, CHUNKING.max + got, wanted - got, at + got)
      if (bytesRead === 0) throw new RangeError(`ends at ${at + got} instead of ${size}: it became shorter`)
      got += bytesRead
    }
    at += got
    yield { bytes: target.subarray(CHUNKING.max, CHUNKING.max + got), last: at === size }
    progress?.(at, size)
  }
}

/** SHA-256 of a whole file. @throws the signal's reason */
export async function digestFile(path: string, deps: ScanDeps): Promise<string> {
  const whole = createHash('sha256')
  const room = Buffer.alloc(CHUNKING.max + BLOCK)
  await using file = await open(path, 'r')
  for await (const { bytes } of readBlocks(file, deps, () => room)) whole.update(bytes)
  return whole.digest('hex')
}
