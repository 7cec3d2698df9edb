import { type FileHandle, open, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type ChunkIndex, lengthOf, offsetOf, zeroChunks } from '../manifest/index.ts'
import { parseManifest } from '../manifest/manifest.ts'
import { scanFile } from '../manifest/scan.ts'
import { IMAGE_ROLES, type ImageNames, OWN_FOLDER } from '../names.ts'
import { isChunk, readAt } from './verify.ts'

/** An image on hostpart that chunks may be copied from. What its index says may have become wrong: it is looked at again. */
export interface Seed {
  file: string
  index: ChunkIndex
}

export interface SeedDeps {
  signal: AbortSignal
  say?: (text: string) => void
}

/** Chunks of a file that are looked at, to tell which manifest is its own. */
const SAMPLES = 16

/**
 * Images of hostpart whose chunks are known by a manifest in `.speediso/manifests/`. Which one belongs to which file is
 * told by its size and by some of its chunks; of several the one that fits most.
 * @param chunkAll also read those that have none, whole, to learn their chunks
 */
export async function findSeeds(
  hostpart: string,
  names: ImageNames,
  chunkAll: boolean,
  { signal, say }: SeedDeps,
): Promise<Seed[]> {
  const folder = join(hostpart, OWN_FOLDER, 'manifests')
  const known = await readIndexes(folder)
  const seeds: Seed[] = []
  const seen = new Set<string>()
  for (const role of IMAGE_ROLES) {
    const file = join(hostpart, names[role])
    const found = await stat(file).catch(() => undefined)
    // A file may have two names.
    if (found?.isFile() !== true || seen.has(`${found.dev}-${found.ino}`)) continue
    seen.add(`${found.dev}-${found.ino}`)
    try {
      await using handle = await open(file, 'r')
      let best: { index: ChunkIndex; share: number } | undefined
      for (const index of known) {
        const share = index.size === found.size ? await shareOf(handle, index) : 0
        if (share > (best?.share ?? 0)) best = { index, share }
      }
      if (best !== undefined) seeds.push({ file, index: best.index })
      else if (chunkAll) seeds.push({ file, index: (await scanFile(file, { signal })).index })
    } catch (error) {
      signal.throwIfAborted()
      // A seed only saves work.
      say?.(`${file} cannot be copied from: ${(error as Error).message}`)
    }
  }
  return seeds
}

async function readIndexes(folder: string): Promise<ChunkIndex[]> {
  const names = await readdir(folder).catch(() => [])
  const indexes: ChunkIndex[] = []
  for (const name of names.filter((each) => each.endsWith('.json'))) {
    try {
      indexes.push(parseManifest(await readFile(join(folder, name))).index)
    } catch {
      // One that is damaged is of no use, and does no harm.
    }
  }
  return indexes
}

/** How many of some chunks, spread over the whole, a file has where its index says; 1: all of those. */
export async function shareOf(file: FileHandle, index: ChunkIndex): Promise<number> {
  const zero = zeroChunks(index)
  const full = Array.from({ length: index.count }, (_, chunk) => chunk).filter((chunk) => zero[chunk] === 0)
  const step = Math.max(1, full.length / SAMPLES)
  let right = 0
  let looked = 0
  for (let at = 0; at < full.length; at += step) {
    const chunk = full[Math.floor(at)] as number
    looked += 1
    if (isChunk(index, chunk, await readAt(file, offsetOf(index, chunk), lengthOf(index, chunk)))) right += 1
  }
  return looked === 0 ? 1 : right / looked
}
