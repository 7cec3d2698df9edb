import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { TrustError, type TrustKey } from '../../job/trust.ts'
import { formatAmount } from '../../runtime/format.ts'
import type { Clock } from '../../system/clock.ts'
import type { Http } from '../../system/http.ts'
import type { HttpStream } from '../../system/http-stream.ts'
import { ManifestError, parseManifest, type ReadManifest } from '../manifest/manifest.ts'
import type { RootImageManifest } from '../manifest/schema.ts'
import { checkKeys, verifyManifestSignature } from '../manifest/signature.ts'
import type { ImageNames } from '../names.ts'
import { type Counts, deliverByChunks } from './by-chunks.ts'
import { FinalDeliveryError, NoRoomError } from './errors.ts'
import { checkOutside, partName, prepareIncoming, RESERVE, settle } from './part-file.ts'
import { DEFAULT_PACE, type RetryDeps, type RetryPace, withRetries } from './retry.ts'
import { findSeeds } from './seeds.ts'
import { lookAt, openSource, type Source } from './source.ts'
import { deliverWhole } from './whole.ts'

export interface DeliverTarget {
  /** Where hostpart is mounted. */
  hostpart: string
  names: ImageNames
}

export interface DeliverOptions {
  /** With one, only an image with a signed manifest is taken. */
  keys: readonly TrustKey[]
  /** Read images that have no manifest whole, to copy from them too; by default where the source is a server. */
  chunkSeeds?: boolean
  /** Bytes of hostpart that stay free; default RESERVE. */
  reserve?: number
  pace?: Partial<RetryPace>
  /** Looks at what the manifest says before anything of the image comes; what it throws ends the delivery. */
  accept?: (manifest: RootImageManifest) => void
}

export interface DeliverDeps {
  http: Http
  stream: HttpStream
  clock: Clock
  signal: AbortSignal
  progress?: (counts: Counts) => void
  /** What goes wrong on the way and is tried again, for people. */
  say?: (text: string) => void
}

export interface Delivered {
  /** Whole, verified and on the disk; on hostpart, so that it can be renamed. */
  file: string
  /** As they came, to be put beside it. */
  manifest?: Uint8Array
  signature?: Uint8Array
  /** SHA-256 of the whole file; only with a manifest. */
  sha256?: string
  fetchedBytes: number
  copiedBytes: number
  reusedBytes: number
  zeroBytes: number
}

/**
 * Brings an image from a file or an http(s) URL to hostpart, as `.speediso/incoming/NAME.part`. With a manifest beside the
 * source (`.json`, and its signature `.json.sig`) only what no image here has is fetched. An interrupted delivery goes on
 * where it was when it is asked for again. One at a time.
 * @throws InputError for an address that is none, TrustError, ManifestError, DeliveryError, HttpError, an error of the disk, or the signal's reason
 */
export async function deliverImage(
  from: string,
  { hostpart, names }: DeliverTarget,
  options: DeliverOptions,
  deps: DeliverDeps,
): Promise<Delivered> {
  const { signal, clock, progress, say } = deps
  const { reserve = RESERVE } = options
  const source = openSource(from, deps)
  // To read an image here costs seconds, and to fetch one more; beside a copy it is no gain.
  const { chunkSeeds = source.file === undefined } = options
  if (source.file !== undefined) await checkOutside(source.file, hostpart)
  const counts: Counts = { total: 0, fetched: 0, arrived: 0, copied: 0, reused: 0, zero: 0 }
  let last = clock.monotonic()
  const work = {
    signal,
    clock,
    pace: { ...DEFAULT_PACE, ...options.pace },
    progressed: () => {
      last = clock.monotonic()
    },
    lastProgress: () => last,
    counts,
    ...(progress === undefined ? {} : { progress }),
    ...(say === undefined ? {} : { say }),
  }
  const described = await readDescription(source, options.keys, work)
  if (described !== undefined) options.accept?.(described.read.manifest)
  const sha256 = described?.read.manifest.sha256
  const part = await prepareIncoming(hostpart, partName(source.shown, sha256))
  try {
    if (described === undefined || sha256 === undefined) {
      await deliverWhole(source, { part, reserve }, work)
    } else {
      const seeds = await findSeeds(hostpart, names, chunkSeeds, deps)
      const { index, pack } = described.read
      await deliverByChunks(source, { part, index, pack, sha256, seeds, reserve }, work)
    }
  } catch (error) {
    signal.throwIfAborted()
    const full = (error as NodeJS.ErrnoException).code === 'ENOSPC'
    if (!full && !(error instanceof NoRoomError)) throw error
    throw await noRoom(error as Error, { hostpart, names }, counts.total)
  }
  await rm(`${part}.state`, { force: true })
  await settle(part)
  if ((await stat(part)).size === 0) throw new FinalDeliveryError(`${source.shown}: is empty`)
  return {
    file: part,
    ...(described === undefined ? {} : { manifest: described.manifest }),
    ...(described?.signature === undefined ? {} : { signature: described.signature }),
    ...(sha256 === undefined ? {} : { sha256 }),
    fetchedBytes: counts.fetched,
    copiedBytes: counts.copied,
    reusedBytes: counts.reused,
    zeroBytes: counts.zero,
  }
}

/** The same, with what could go. */
async function noRoom(error: Error, { hostpart, names }: DeliverTarget, total: number): Promise<NoRoomError> {
  const spare: string[] = []
  for (const name of [names.broken, names.rejected])
    if ((await stat(join(hostpart, name)).catch(() => undefined))?.isFile() === true) spare.push(name)
  const such = spare.length === 0 ? '' : `, such as ${spare.join(' or ')}`
  const amount = (bytes: number) => formatAmount(bytes, 'bytes')
  if (!(error instanceof NoRoomError))
    return new NoRoomError(`${hostpart} is full: ${total === 0 ? 'it' : amount(total)} did not fit`, {
      hint: `free room${such}`,
      cause: error,
    })
  const { free, bytes, reserve } = error.facts as Record<'free' | 'bytes' | 'reserve', number>
  const hint = `free ${amount(bytes + reserve - free)}${such}`
  return new NoRoomError(error.message, { hint, facts: error.facts })
}

/** What lies beside a source, believed. */
export interface Description {
  manifest: Uint8Array
  signature: Uint8Array | undefined
  read: ReadManifest
}

/** The manifest beside the source, believed or not at all. */
export async function readDescription(
  source: Source,
  keys: readonly TrustKey[],
  deps: RetryDeps,
): Promise<Description | undefined> {
  let manifest: Uint8Array | undefined
  let signature: Uint8Array | undefined
  await withRetries(async () => {
    manifest = await source.beside('.json')
    signature = manifest === undefined ? undefined : await source.beside('.json.sig')
  }, deps)
  try {
    checkKeys(keys)
    if (manifest === undefined) {
      if (keys.length === 0) return undefined
      // An address that is mistyped has no manifest either.
      await withRetries(async () => {
        await lookAt(source)
      }, deps)
      throw new TrustError('it has no manifest, and this host takes signed images only')
    }
    if (source.file === undefined && looksLikePage(manifest))
      throw new ManifestError('the server sent a web page in place of the manifest', {
        hint: 'is the address right, and does it need a user and a password?',
      })
    verifyManifestSignature(manifest, signature, keys)
    return { manifest, signature, read: parseManifest(manifest) }
  } catch (error) {
    if (!(error instanceof TrustError || error instanceof ManifestError)) throw error
    error.message = `${source.shown}: ${error.message}`
    throw error
  }
}

/** A manifest is JSON, which never begins so. */
function looksLikePage(bytes: Uint8Array): boolean {
  return /^\s*<(?:!doctype|html|head|body|\?xml|!--)/i.test(Buffer.from(bytes.subarray(0, 512)).toString())
}
