import { type FileHandle, open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { explainInLine } from '../../errors.ts'
import { mapLimit } from '../../system/map-limit.ts'
import { type ChunkIndex, keyOf, lengthOf, offsetOf, zeroChunks } from '../manifest/index.ts'
import { digestFile } from '../manifest/scan.ts'
import { DeliveryError, FinalDeliveryError } from './errors.ts'
import { checkRoom, reflink, writeAt } from './part-file.ts'
import { findInSeed, mergeRuns, sharedInPlace, type Wanted, wantedChunks } from './plan.ts'
import { type Clear, loadClear } from './punch.ts'
import { type RetryDeps, withRetries } from './retry.ts'
import type { Seed } from './seeds.ts'
import type { Reading, Source } from './source.ts'
import { isChunk, readAt, verifyInPlace } from './verify.ts'

/** Bytes by where they came from; together the image's, but for what had to be fetched again. */
export interface Counts {
  total: number
  /** Over the network, or from the file that is delivered. */
  fetched: number
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
  sha256: string
  seeds: readonly Seed[]
  reserve: number
}

export interface ByChunksDeps extends RetryDeps {
  counts: Counts
  progress?: (counts: Counts) => void
}

/** Ranges asked for at once, each over a connection that is kept. */
const CONNECTIONS = 4

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
  const work = new Work(file, index, fresh, deps)
  await work.keep(await loadClear())
  await checkRoom(dirname(part), work.missingBytes(), reserve)
  for (const seed of seeds) await work.copyFrom(seed, signal)
  await withRetries(() => work.fetchFrom(source), deps)
  await file.sync()
  const got = await digestFile(part, { signal })
  if (got !== sha256)
    throw new FinalDeliveryError(
      `${source.shown}: all chunks are what its manifest says, and the whole is not (SHA-256 ${got} instead of ${sha256})`,
      { hint: 'make its manifest anew' },
    )
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

/** A part file on its way. */
class Work {
  readonly #file: FileHandle
  readonly #index: ChunkIndex
  /** Nothing was ever written there: what is not written stays a hole. */
  readonly #fresh: boolean
  readonly #deps: ByChunksDeps
  /** 1: this chunk is there. */
  readonly #have: Uint8Array
  #wanted: Wanted = new Map()
  readonly #damaged = new Set<number>()

  constructor(file: FileHandle, index: ChunkIndex, fresh: boolean, deps: ByChunksDeps) {
    this.#file = file
    this.#index = index
    this.#fresh = fresh
    this.#deps = deps
    this.#have = new Uint8Array(index.count)
  }

  /** Keeps what is right at its place, and makes holes of what is to be zero. */
  async keep(clear: Clear): Promise<void> {
    const zero = zeroChunks(this.#index)
    const toClear: number[] = []
    if (!this.#fresh) {
      for await (const { chunk, whole } of verifyInPlace(this.#file, this.#index, this.#deps.signal)) {
        if (whole) this.#count(chunk, zero[chunk] === 1 ? 'zero' : 'reused')
        else if (zero[chunk] === 1) toClear.push(chunk)
      }
      for (const { first, end } of mergeRuns(toClear))
        await clear(this.#file, offsetOf(this.#index, first), offsetOf(this.#index, end))
    }
    for (let chunk = 0; chunk < this.#index.count; chunk += 1)
      if (zero[chunk] === 1 && this.#have[chunk] === 0) this.#count(chunk, 'zero')
    this.#wanted = wantedChunks(this.#index, this.#have)
  }

  missingBytes(): number {
    let bytes = 0
    for (let chunk = 0; chunk < this.#index.count; chunk += 1)
      if (this.#have[chunk] === 0) bytes += lengthOf(this.#index, chunk)
    return bytes
  }

  /** Copies what another image has, as far as it still has it. */
  async copyFrom({ file, index }: Seed, signal: AbortSignal): Promise<void> {
    try {
      await using from = await open(file, 'r')
      for (const { chunk } of findInSeed(index, this.#wanted)) {
        signal.throwIfAborted()
        const bytes = await readAt(from, offsetOf(index, chunk), lengthOf(index, chunk))
        // Somebody may have written to that image since.
        if (isChunk(index, chunk, bytes)) await this.#put(keyOf(index, chunk), bytes, 'copied')
      }
    } catch (error) {
      signal.throwIfAborted()
      if ((error as NodeJS.ErrnoException).syscall === 'write') throw error
      this.#deps.say?.(`${file} cannot be copied from: ${explainInLine(error)}`)
    }
  }

  /** Asks for all that is missing, neighbours at once. */
  async fetchFrom(source: Source): Promise<void> {
    const runs = mergeRuns([...this.#wanted.values()].map(([first]) => first as number).sort((a, b) => a - b))
    const [probe, ...others] = runs
    if (probe === undefined) return
    const at = (chunk: number) => offsetOf(this.#index, chunk)
    // The first one tells whether the server sends parts, and whose parts the others have to be.
    let validator: string | undefined
    {
      await using reading = await source.read(at(probe.first), at(probe.end), undefined)
      this.#sameSize(reading, source)
      validator = reading.validator
      if (reading.from === 0 && at(probe.first) !== 0)
        return await this.#take(reading, 0, this.#index.count, source)
      // A server that sends the whole from the start goes on with it.
      await this.#take(reading, probe.first, reading.parts ? probe.end : this.#index.count, source)
    }
    let failure: unknown
    await mapLimit(others, CONNECTIONS, async ({ first, end }) => {
      // A chunk that stands in several places may have come by now.
      if (failure !== undefined || this.#hasAll(first, end)) return
      try {
        await using reading = await source.read(at(first), at(end), validator)
        if (reading.from !== at(first))
          throw new DeliveryError(
            `${source.shown}: has become another file on the server, or sends no parts any more`,
          )
        this.#sameSize(reading, source)
        await this.#take(reading, first, end, source)
      } catch (error) {
        // The others end what they are at, so that the next attempt is alone.
        failure ??= error
      }
    })
    if (failure !== undefined) throw failure
    if (this.#wanted.size > 0) throw new DeliveryError(`${source.shown}: came damaged, and is fetched again`)
  }

  #hasAll(first: number, end: number): boolean {
    return this.#have.subarray(first, end).every((have) => have === 1)
  }

  #sameSize({ total }: Reading, { shown }: Source): void {
    if (total === undefined || total === this.#index.size) return
    throw new FinalDeliveryError(`${shown}: has ${total} bytes, and ${this.#index.size} by its manifest`)
  }

  /** Takes the chunks [first, end) out of a body that starts with the first one. */
  async #take({ body }: Reading, first: number, end: number, { shown }: Source): Promise<void> {
    let chunk = first
    let room = Buffer.allocUnsafe(lengthOf(this.#index, chunk))
    let filled = 0
    for await (const piece of body) {
      this.#deps.counts.fetched += piece.length
      this.#deps.progressed()
      for (let at = 0; at < piece.length && chunk < end; ) {
        const taken = Math.min(piece.length - at, room.length - filled)
        room.set(piece.subarray(at, at + taken), filled)
        at += taken
        filled += taken
        if (filled < room.length) continue
        await this.#fetched(chunk, room, shown)
        chunk += 1
        filled = 0
        if (chunk < end) room = Buffer.allocUnsafe(lengthOf(this.#index, chunk))
      }
      this.#deps.progress?.(this.#deps.counts)
    }
    if (chunk < end) throw new DeliveryError(`${shown}: ended too early`)
  }

  async #fetched(chunk: number, bytes: Buffer, shown: string): Promise<void> {
    if (this.#have[chunk] === 1) return
    if (isChunk(this.#index, chunk, bytes)) return this.#put(keyOf(this.#index, chunk), bytes, undefined)
    if (this.#damaged.has(chunk))
      throw new FinalDeliveryError(
        `${shown}: came damaged twice: its bytes from ${offsetOf(this.#index, chunk)} on are not what its manifest says`,
        { hint: 'is the manifest of this very image?' },
      )
    this.#damaged.add(chunk)
  }

  /** Writes a chunk to all of its places. */
  async #put(key: string, bytes: Buffer, from: 'copied' | undefined): Promise<void> {
    for (const place of this.#wanted.get(key) ?? []) {
      await writeAt(this.#file, bytes, offsetOf(this.#index, place), this.#fresh)
      this.#count(place, from)
    }
    this.#wanted.delete(key)
  }

  #count(chunk: number, from: 'copied' | 'reused' | 'zero' | undefined): void {
    this.#have[chunk] = 1
    const { counts, progress } = this.#deps
    if (from !== undefined) counts[from] += lengthOf(this.#index, chunk)
    progress?.(counts)
  }
}
