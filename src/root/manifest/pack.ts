import { type FileHandle, open } from 'node:fs/promises'
import { promisify } from 'node:util'
import { constants, zstdCompress, zstdDecompress } from 'node:zlib'
import { type ChunkIndex, keyOf, lengthOf, offsetOf, zeroChunks } from './index.ts'

/**
 * The pack of an image: a file beside it with each chunk of its index as one Zstandard frame (RFC 8878), in the order of
 * the image. Chunks of zeros have none, and one that came before has none again. Nothing in it needs to be believed: what
 * a frame holds is verified by the chunk's SHA-256.
 */
export const PACK_ALGORITHM = 'zstd/1'
export const PACK_SUFFIX = '.chunks'

/** Bytes of an entry in a pack's lengths, u32le. */
const ENTRY = 4
/** Of chunks at once: zlib works in threads of its own. */
const AT_ONCE = 8
/** An image of Debian is as small with it as with 9 to a third of a percent, in a third of the time. */
const LEVEL = 6

const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)

/** Where the chunks of an index lie in a file that they are fetched from. */
export interface Layout {
  /** Bytes of that file. */
  size: number
  /** The chunk whose place holds this one's content. */
  originOf(chunk: number): number
  /** Of a chunk that is its own origin; any other has no bytes. */
  offsetOf(chunk: number): number
  lengthOf(chunk: number): number
  /** The content of a chunk. @throws an error of zlib for what is none */
  open(chunk: number, bytes: Buffer): Promise<Buffer>
}

/** The image itself. */
export function plainLayout(index: ChunkIndex): Layout {
  return {
    size: index.size,
    originOf: (chunk) => chunk,
    offsetOf: (chunk) => offsetOf(index, chunk),
    lengthOf: (chunk) => lengthOf(index, chunk),
    open: async (_chunk, bytes) => bytes,
  }
}

/** @throws RangeError for lengths that are not those of this index */
export function packLayout(index: ChunkIndex, lengths: Buffer): Layout {
  if (lengths.length !== index.count * ENTRY)
    throw new RangeError(`${lengths.length / ENTRY} lengths for ${index.count} chunks`)
  const offsets = new Float64Array(index.count + 1)
  const origins = new Uint32Array(index.count)
  const first = new Map<string, number>()
  const zero = zeroChunks(index)
  for (let chunk = 0; chunk < index.count; chunk += 1) {
    const length = lengths.readUInt32LE(chunk * ENTRY)
    const key = keyOf(index, chunk)
    const earlier = first.get(key)
    const own = zero[chunk] === 0 && earlier === undefined
    if (own !== length > 0 || length > longestFrame(lengthOf(index, chunk)))
      throw new RangeError(`chunk ${chunk} has a frame of ${length} bytes`)
    if (own) first.set(key, chunk)
    origins[chunk] = earlier ?? chunk
    offsets[chunk + 1] = (offsets[chunk] as number) + length
  }
  const at = (chunk: number) => offsets[chunk] as number
  return {
    size: at(index.count),
    originOf: (chunk) => origins[chunk] as number,
    offsetOf: at,
    lengthOf: (chunk) => at(chunk + 1) - at(chunk),
    open: (chunk, bytes) => decompress(bytes, { maxOutputLength: lengthOf(index, chunk) }),
  }
}

/** ZSTD_COMPRESSBOUND of zstd.h. */
const longestFrame = (length: number) =>
  length + (length >> 8) + (length < 128 * 1024 ? (128 * 1024 - length) >> 11 : 0)

export interface PackDeps {
  signal: AbortSignal
  /** Bytes of the image that were packed, of all. */
  progress?: (done: number, total: number) => void
}

/**
 * Writes the pack of an image that has this index.
 * @returns the lengths of its frames, as packLayout takes them
 * @throws the signal's reason, or an error of the disk
 */
export async function writePack(
  image: string,
  index: ChunkIndex,
  out: string,
  { signal, progress }: PackDeps,
): Promise<Buffer> {
  const lengths = Buffer.alloc(index.count * ENTRY)
  const zero = zeroChunks(index)
  const seen = new Set<string>()
  const own: number[] = []
  for (let chunk = 0; chunk < index.count; chunk += 1) {
    if (zero[chunk] === 1 || seen.has(keyOf(index, chunk))) continue
    seen.add(keyOf(index, chunk))
    own.push(chunk)
  }
  await using from = await open(image, 'r')
  await using to = await open(out, 'w')
  for (let at = 0; at < own.length; at += AT_ONCE) {
    signal.throwIfAborted()
    const some = own.slice(at, at + AT_ONCE)
    const frames = await Promise.all(some.map((chunk) => frameOf(from, index, chunk)))
    for (const [i, frame] of frames.entries())
      lengths.writeUInt32LE(frame.length, (some[i] as number) * ENTRY)
    // From where it stands, until all of it is written.
    await to.writeFile(Buffer.concat(frames))
    progress?.(offsetOf(index, some.at(-1) as number), index.size)
  }
  await to.sync()
  return lengths
}

async function frameOf(file: FileHandle, index: ChunkIndex, chunk: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(lengthOf(index, chunk))
  const { bytesRead } = await file.read(bytes, 0, bytes.length, offsetOf(index, chunk))
  if (bytesRead !== bytes.length) throw new RangeError('the image became shorter while it was packed')
  return compress(bytes, { params: { [constants.ZSTD_c_compressionLevel]: LEVEL } })
}
