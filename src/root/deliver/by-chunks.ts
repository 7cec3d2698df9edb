import { open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { explainInLine } from '../../errors.ts'
import { HttpError } from '../../system/http-ask.ts'
import type { ChunkIndex } from '../manifest/index.ts'
import type { Layout } from '../manifest/pack.ts'
import { digestFile } from '../manifest/scan.ts'
import { ChunkWork } from './chunk-work.ts'
import { DeliveryError, FinalDeliveryError } from './errors.ts'
import { checkRoom, reflink } from './part-file.ts'
import { sharedInPlace } from './plan.ts'
import { loadClear } from './punch.ts'
import { type RetryDeps, withRetries } from './retry.ts'
import type { Seed } from './seeds.ts'
import type { Source } from './source.ts'

/** Bytes by where they came from; all but `fetched` are together the image's. */
export interface Counts {
  total: number
  /** Over the network, packed or not, or from the file that is delivered; again, too. */
  fetched: number
  /** What of the image came with them. */
  arrived: number
  /** From other images here. */
  copied: number
  /** What the part file had already, from an interrupted delivery or as a reflink of another image. */
  reused: number
  /** Of chunks of zeros, which nobody sends. */
  zero: number
}

export interface ByChunksOptions {
  part: string
  index: ChunkIndex
  /** How the pack beside the source has the chunks, when there is one. */
  pack?: Layout | undefined
  sha256: string
  seeds: readonly Seed[]
  reserve: number
}

export interface ByChunksDeps extends RetryDeps {
  counts: Counts
  progress?: (counts: Counts) => void
}

/**
 * Makes the part file what a manifest says, from what is there: its own content, images on this machine, and only then the
 * source. Every chunk is verified by its SHA-256 before it counts, and the whole in the end.
 * @throws FinalDeliveryError when it does not fit, or comes damaged twice; the last error when the source gives up
 */
export async function deliverByChunks(
  source: Source,
  options: ByChunksOptions,
  deps: ByChunksDeps,
): Promise<void> {
  const { part, index, sha256, seeds, reserve } = options
  const { counts, signal } = deps
  counts.total = index.size
  const fresh = !(await startPart(source, options))
  await using file = await open(part, fresh ? 'w+' : 'r+')
  await file.truncate(index.size)
  const work = new ChunkWork(file, index, fresh, deps)
  await work.keep(await loadClear())
  await checkRoom(dirname(part), work.missingBytes(), reserve)
  for (const seed of seeds) await work.copyFrom(seed, signal)
  const retry = { ...deps, brought: () => index.size - work.missingBytes() }
  await fetchPacked(source, options, work, retry)
  await withRetries(() => work.fetchFrom(source), retry)
  await file.sync()
  const got = await digestFile(part, { signal })
  if (got !== sha256)
    throw new FinalDeliveryError(
      `${source.shown}: all chunks are what its manifest says, and the whole is not (SHA-256 ${got} instead of ${sha256})`,
      { hint: 'make its manifest anew' },
    )
}

/** Milliseconds without a byte of the pack after which the image itself is asked for. */
const PACK_PATIENCE = 60_000

/** Fetches from the pack beside the source; one that is not to be had, or not what its manifest says, is done without. */
async function fetchPacked(
  source: Source,
  { pack }: ByChunksOptions,
  work: ChunkWork,
  deps: RetryDeps,
): Promise<void> {
  const packed = source.packed?.()
  if (packed === undefined || pack === undefined) return
  try {
    const pace = { ...deps.pace, limit: Math.min(deps.pace.limit, PACK_PATIENCE) }
    await withRetries(() => work.fetchFrom(packed, pack), { ...deps, pace })
  } catch (error) {
    deps.signal.throwIfAborted()
    if (!(error instanceof DeliveryError || error instanceof HttpError)) throw error
    deps.say?.(`${explainInLine(error)}; the image itself is fetched`)
  }
}

/** Whether the part file has some content to look at. */
async function startPart(source: Source, { part, index, seeds }: ByChunksOptions): Promise<boolean> {
  const there = await stat(part).catch(() => undefined)
  if (there !== undefined && there.size > 0) return true
  const [best] = seeds
    .map(({ file, index: own }) => ({ file, shared: sharedInPlace(own, index) }))
    .sort((a, b) => b.shared - a.shared)
  const bases = [
    ...(source.file === undefined ? [] : [source.file]),
    ...(best === undefined || best.shared === 0 ? [] : [best.file]),
  ]
  for (const base of bases) if (await reflink(base, part)) return true
  return false
}
