import { SpeedisoError } from '../../errors.ts'
import { CHUNKING } from './chunking.ts'
import { type ChunkIndex, readIndex } from './index.ts'
import { type Layout, PACK_ALGORITHM, packLayout, writePack } from './pack.ts'
import { type ScanDeps, scanFile } from './scan.ts'
import { MANIFEST_SCHEMA, type RootImageManifest, rootImageSchema } from './schema.ts'

/** A manifest is none, or contradicts itself. */
export class ManifestError extends SpeedisoError {
  override readonly code: string = 'bad-manifest'
}

/** What a manifest says that the file alone does not. */
export interface ImageDescription {
  image: string
  version: string
  kernelRelease: string
  /** ISO 8601, UTC. */
  created: string
}

/** A manifest with its chunks read. */
export interface ReadManifest {
  manifest: RootImageManifest
  index: ChunkIndex
  /** Of the pack beside the image, where there is one of a kind that is known here. */
  pack?: Layout
}

/** Reads the whole file once, and again for a pack of it. @param pack file to write one to @throws ManifestError when the description is none; the signal's reason */
export async function makeManifest(
  file: string,
  { image, version, kernelRelease, created }: ImageDescription,
  deps: ScanDeps,
  pack?: string,
): Promise<RootImageManifest> {
  const { algorithm, min, average, max } = CHUNKING
  const describe = (size: number, sha256: string, index: string) =>
    checked({
      schema: MANIFEST_SCHEMA,
      image,
      version,
      size,
      sha256,
      kernelRelease,
      created,
      chunks: { algorithm, min, average, max, index },
    })
  // A mistake in the description is told before the file is read.
  describe(1, '0'.repeat(64), '')
  const { sha256, index } = await scanFile(file, deps)
  const manifest = describe(index.size, sha256, index.packed.toString('base64'))
  if (pack === undefined) return manifest
  const lengths = (await writePack(file, index, pack, deps)).toString('base64')
  return { ...manifest, chunks: { ...manifest.chunks, packed: { algorithm: PACK_ALGORITHM, lengths } } }
}

/** The bytes of a manifest's file, which are what is signed. */
export function manifestBytes(manifest: RootImageManifest): Buffer {
  return Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`)
}

/** @throws ManifestError that names what is wrong */
export function parseManifest(bytes: Uint8Array): ReadManifest {
  let document: unknown
  try {
    document = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString())
  } catch (cause) {
    throw new ManifestError('its manifest is no JSON: it has to be whole', { cause })
  }
  const manifest = checked(document)
  const index = checkedIndex(manifest)
  const { packed } = manifest.chunks
  // One of another kind is left alone: the image itself is there.
  if (packed?.algorithm !== PACK_ALGORITHM) return { manifest, index }
  try {
    return { manifest, index, pack: packLayout(index, Buffer.from(packed.lengths, 'base64')) }
  } catch (cause) {
    throw new ManifestError(`its manifest and its pack of chunks differ: ${(cause as Error).message}`, {
      cause,
    })
  }
}

function checked(document: unknown): RootImageManifest {
  const parsed = rootImageSchema.safeParse(document)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const where = issue?.path.length === 0 ? '' : `${issue?.path.join('.')}: `
  throw new ManifestError(`its manifest is no ${MANIFEST_SCHEMA}: ${where}${issue?.message}`)
}

function checkedIndex({ chunks, size }: RootImageManifest): ChunkIndex {
  const packed = Buffer.from(chunks.index, 'base64')
  if (packed.toString('base64') !== chunks.index)
    throw new ManifestError('the chunk index of its manifest is no base64')
  let index: ChunkIndex
  try {
    index = readIndex(packed, chunks.max)
  } catch (cause) {
    throw new ManifestError(`the chunk index of its manifest is wrong: ${(cause as Error).message}`, {
      cause,
    })
  }
  if (index.size !== size)
    throw new ManifestError(`its manifest says ${size} bytes, and its chunks have ${index.size} together`)
  return index
}
