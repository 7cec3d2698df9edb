import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { type ChunkIndex, lengthOf, zeroChunks } from '../manifest/index.ts'
import { type Layout, plainLayout } from '../manifest/pack.ts'
import { OWN_FOLDER } from '../names.ts'
import {
  type DeliverDeps,
  type DeliverOptions,
  type DeliverTarget,
  type Description,
  readDescription,
} from './deliver.ts'
import { partName, roomOn } from './part-file.ts'
import { findInSeed, wantedChunks } from './plan.ts'
import { DEFAULT_PACE, withRetries } from './retry.ts'
import { findSeeds } from './seeds.ts'
import { lookAt, openSource } from './source.ts'
import { verifyInPlace } from './verify.ts'

/** What a delivery would take. `missingBytes`, `hereBytes` and `zeroBytes` are together the image's. */
export interface DeliveryPlan {
  totalBytes: number
  /** Over the network; packed, when there is a pack beside the image. */
  fetchBytes: number
  /** Bytes of the image that they are. */
  missingBytes: number
  /** On hostpart already: in its images, as far as their manifests say, in an interrupted delivery, or fetched once for several places. */
  hereBytes: number
  zeroBytes: number
  /** At most so many would be written: what hostpart's filesystem shares between files is not. */
  writeBytes: number
  chunks: number
  fetchChunks: number
}

export interface PlannedDelivery {
  /** Undefined: the source has no manifest, so that all of it would be fetched. */
  described: Description | undefined
  /** Bytes of a source without a manifest, when that is told. */
  size?: number
  plan?: DeliveryPlan
  /** Bytes of hostpart that could be written: what stays free is left out, and may be missing already. */
  roomBytes: number
}

/** Milliseconds: whoever asks what would be done waits for the answer. */
const PATIENCE = 15_000

/**
 * Says what deliverImage would fetch: asks the source for nothing but its manifest and signature, of an image
 * without a manifest for one byte, and writes nothing.
 * @throws InputError, TrustError, ManifestError, DeliveryError, HttpError, or the signal's reason
 */
export async function planDelivery(
  from: string,
  { hostpart, names }: DeliverTarget,
  { keys, pace }: Pick<DeliverOptions, 'keys' | 'pace'>,
  deps: Omit<DeliverDeps, 'progress'>,
): Promise<PlannedDelivery> {
  const { signal, clock, say } = deps
  const source = openSource(from, deps)
  const start = clock.monotonic()
  const retry = {
    ...{ signal, clock, pace: { ...DEFAULT_PACE, limit: PATIENCE, firstLimit: PATIENCE, ...pace } },
    ...{ progressed: () => {}, lastProgress: () => start },
    ...(say === undefined ? {} : { say }),
  }
  const roomBytes = await roomOn(hostpart)
  const described = await readDescription(source, keys, retry)
  if (described === undefined) {
    let size: number | undefined
    await withRetries(async () => {
      size = (await lookAt(source)).size
    }, retry)
    return { described, ...(size === undefined ? {} : { size }), roomBytes }
  }
  const { index, manifest, pack } = described.read
  const layout = (source.packed === undefined ? undefined : pack) ?? plainLayout(index)
  const have = new Uint8Array(zeroChunks(index))
  const part = join(hostpart, OWN_FOLDER, 'incoming', partName(source.shown, manifest.sha256))
  await markPart(part, index, have, signal)
  const writeBytes = bytesOf(index, (chunk) => have[chunk] === 0)
  const wanted = wantedChunks(index, have)
  for (const seed of await findSeeds(hostpart, names, source.file === undefined, deps))
    for (const { places } of findInSeed(seed.index, wanted)) for (const place of places) have[place] = 1
  return { described, plan: { ...count(index, have, layout), writeBytes }, roomBytes }
}

/** What an interrupted delivery has brought counts. */
async function markPart(
  path: string,
  index: ChunkIndex,
  have: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  let part: FileHandle
  try {
    part = await open(path, 'r')
  } catch {
    return
  }
  await using file = part
  for await (const { chunk, whole } of verifyInPlace(file, index, signal)) if (whole) have[chunk] = 1
}

function bytesOf(index: ChunkIndex, counts: (chunk: number) => boolean): number {
  let bytes = 0
  for (let chunk = 0; chunk < index.count; chunk += 1) if (counts(chunk)) bytes += lengthOf(index, chunk)
  return bytes
}

function count(index: ChunkIndex, have: Uint8Array, layout: Layout): Omit<DeliveryPlan, 'writeBytes'> {
  const zero = zeroChunks(index)
  const zeroBytes = bytesOf(index, (chunk) => zero[chunk] === 1)
  // What comes in several places is fetched once, and copied to the others.
  const missing = [...wantedChunks(index, have).values()].map(([first]) => first as number)
  const sum = (length: (chunk: number) => number) => missing.reduce((all, chunk) => all + length(chunk), 0)
  const missingBytes = sum((chunk) => lengthOf(index, chunk))
  const fetchBytes = sum((chunk) => layout.lengthOf(layout.originOf(chunk)))
  return {
    ...{ totalBytes: index.size, fetchBytes, missingBytes, zeroBytes },
    hereBytes: index.size - zeroBytes - missingBytes,
    ...{ chunks: index.count, fetchChunks: missing.length },
  }
}
