import { type ChunkIndex, keyOf, lengthOf, offsetOf } from '../manifest/index.ts'

/** Chunks [first, end) that follow each other. */
export interface Run {
  first: number
  end: number
}

/** Neighbours in one. @param chunks rising */
export function mergeRuns(chunks: Iterable<number>): Run[] {
  const runs: Run[] = []
  for (const chunk of chunks) {
    const last = runs.at(-1)
    if (last?.end === chunk) last.end += 1
    else runs.push({ first: chunk, end: chunk + 1 })
  }
  return runs
}

/** Bytes of the chunks that two images have at the same place. */
export function sharedInPlace(a: ChunkIndex, b: ChunkIndex): number {
  let bytes = 0
  for (let i = 0, j = 0; i < a.count && j < b.count; ) {
    const [x, y] = [offsetOf(a, i), offsetOf(b, j)]
    if (x === y && keyOf(a, i) === keyOf(b, j)) bytes += lengthOf(a, i)
    if (x <= y) i += 1
    if (y <= x) j += 1
  }
  return bytes
}

/** Places of one chunk's content in the target. */
export type Wanted = Map<string, number[]>

/** What is still missing, by content: one that comes in several places is looked for once. */
export function wantedChunks(target: ChunkIndex, have: Uint8Array): Wanted {
  const wanted: Wanted = new Map()
  for (let chunk = 0; chunk < target.count; chunk += 1) {
    if (have[chunk] === 1) continue
    const key = keyOf(target, chunk)
    const places = wanted.get(key)
    if (places === undefined) wanted.set(key, [chunk])
    else places.push(chunk)
  }
  return wanted
}

/** Where a seed has what is wanted: chunks of the seed, rising, each with its places in the target. */
export function* findInSeed(
  seed: ChunkIndex,
  wanted: Wanted,
): Generator<{ chunk: number; places: number[] }> {
  for (let chunk = 0; chunk < seed.count; chunk += 1) {
    const places = wanted.get(keyOf(seed, chunk))
    if (places !== undefined) yield { chunk, places }
  }
}
