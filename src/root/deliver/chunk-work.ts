import { type FileHandle, open } from 'node:fs/promises'
import { explainInLine } from '../../errors.ts'
import { mapLimit } from '../../system/map-limit.ts'
import { type ChunkIndex, keyOf, lengthOf, offsetOf, zeroChunks } from '../manifest/index.ts'
import { type Layout, plainLayout } from '../manifest/pack.ts'
import type { ByChunksDeps } from './by-chunks.ts'
import { untilEnough } from './enough.ts'
import { DeliveryError, FinalDeliveryError } from './errors.ts'
import { writeAt } from './part-file.ts'
import { findInSeed, mergeRuns, type Run, type Wanted, wantedChunks } from './plan.ts'
import type { Clear } from './punch.ts'
import type { Seed } from './seeds.ts'
import type { Reading, Source } from './source.ts'
import { isChunk, readAt, verifyInPlace } from './verify.ts'

/** Ranges asked for at once, each over a connection that is kept. */
const CONNECTIONS = 4

/** A part file on its way to be what an index says: which chunks are there, and where the others come from. */
export class ChunkWork {
  readonly #file: FileHandle
  readonly #index: ChunkIndex
  /** Nothing was ever written there: what is not written stays a hole. */
  readonly #fresh: boolean
  readonly #deps: ByChunksDeps
  /** 1: this chunk is there. */
  readonly #have: Uint8Array
  #wanted: Wanted = new Map()
  /** By source and chunk. */
  readonly #damaged = new Set<string>()

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

  /** Asks for all that is missing, neighbours at once. @param layout how the source has the chunks; default: as the image */
  async fetchFrom(source: Source, layout: Layout = plainLayout(this.#index)): Promise<void> {
    const firsts = [...this.#wanted.values()].map(([first]) => layout.originOf(first as number))
    const [probe, ...others] = mergeRuns(firsts.sort((a, b) => a - b))
    if (probe === undefined) return
    const at = (chunk: number) => layout.offsetOf(chunk)
    const take = (reading: Reading, first: number, end: number) =>
      this.#take(reading, { first, end }, layout, source)
    // The first one tells whether the server sends parts, and whose parts the others have to be.
    let validator: string | undefined
    {
      await using reading = await source.read(at(probe.first), at(probe.end), undefined)
      this.#sameSize(reading, layout, source)
      validator = reading.validator
      if (reading.from === 0 && at(probe.first) !== 0) return await take(reading, 0, this.#index.count)
      // A server that sends the whole from the start goes on with it.
      await take(reading, probe.first, reading.parts ? probe.end : this.#index.count)
    }
    let failure: unknown
    await mapLimit(others, CONNECTIONS, async ({ first, end }) => {
      // A chunk that stands in several places may have come by now.
      if (failure !== undefined || !this.#lacksAny(first, end)) return
      try {
        await using reading = await source.read(at(first), at(end), validator)
        if (reading.from !== at(first))
          throw new DeliveryError(
            `${source.shown}: has become another file on the server, or sends no parts any more`,
          )
        this.#sameSize(reading, layout, source)
        await take(reading, first, end)
      } catch (error) {
        // The others end what they are at, so that the next attempt is alone.
        failure ??= error
      }
    })
    if (failure !== undefined) throw failure
    if (this.#wanted.size > 0) throw new DeliveryError(`${source.shown}: came damaged, and is fetched again`)
  }

  #lacksAny(first: number, end: number): boolean {
    for (let chunk = first; chunk < end; chunk += 1)
      if (this.#wanted.has(keyOf(this.#index, chunk))) return true
    return false
  }

  #sameSize({ total }: Reading, { size }: Layout, { shown }: Source): void {
    if (total === undefined || total === size) return
    throw new FinalDeliveryError(`${shown}: has ${total} bytes, and ${size} by its manifest`)
  }

  /** Takes the chunks [first, end) out of a body that starts with the first one. */
  async #take({ body }: Reading, { first, end }: Run, layout: Layout, source: Source): Promise<void> {
    // What has no bytes of its own comes with another one.
    const next = (from: number) => {
      let chunk = from
      while (chunk < end && layout.lengthOf(chunk) === 0) chunk += 1
      return chunk
    }
    let chunk = next(first)
    let room = Buffer.allocUnsafe(layout.lengthOf(chunk))
    let filled = 0
    // Nothing is wanted of what a server sends besides, and it may never end.
    const enough = () => chunk === end || this.#wanted.size === 0
    for await (const piece of untilEnough(body, enough)) {
      this.#deps.counts.fetched += piece.length
      this.#deps.progressed()
      for (let at = 0; at < piece.length && chunk < end; ) {
        const taken = Math.min(piece.length - at, room.length - filled)
        room.set(piece.subarray(at, at + taken), filled)
        at += taken
        filled += taken
        if (filled < room.length) continue
        await this.#fetched(chunk, room, layout, source)
        chunk = next(chunk + 1)
        filled = 0
        if (chunk < end) room = Buffer.allocUnsafe(layout.lengthOf(chunk))
      }
      this.#deps.progress?.(this.#deps.counts)
    }
    if (!enough()) throw new DeliveryError(`${source.shown}: ended too early`)
  }

  async #fetched(chunk: number, got: Buffer, layout: Layout, { shown }: Source): Promise<void> {
    const key = keyOf(this.#index, chunk)
    if (!this.#wanted.has(key)) return
    const bytes = await layout.open(chunk, got).catch(() => undefined)
    if (bytes !== undefined && isChunk(this.#index, chunk, bytes)) return this.#put(key, bytes, 'arrived')
    if (this.#damaged.has(`${shown} ${chunk}`))
      throw new FinalDeliveryError(
        `${shown}: came damaged twice: its bytes from ${layout.offsetOf(chunk)} on are not what its manifest says`,
        { hint: 'is the manifest of this very image?' },
      )
    this.#damaged.add(`${shown} ${chunk}`)
  }

  /** Writes a chunk to all of its places. */
  async #put(key: string, bytes: Buffer, from: 'copied' | 'arrived'): Promise<void> {
    for (const place of this.#wanted.get(key) ?? []) {
      await writeAt(this.#file, bytes, offsetOf(this.#index, place), this.#fresh)
      this.#count(place, from)
    }
    this.#wanted.delete(key)
  }

  #count(chunk: number, from: 'copied' | 'reused' | 'zero' | 'arrived'): void {
    this.#have[chunk] = 1
    const { counts, progress } = this.#deps
    counts[from] += lengthOf(this.#index, chunk)
    progress?.(counts)
  }
}
