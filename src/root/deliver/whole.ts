import { type FileHandle, open, readFile, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import * as z from 'zod'
import { writeDocument } from '../../system/write-file.ts'
import type { Counts } from './by-chunks.ts'
import { untilEnough } from './enough.ts'
import { DeliveryError, FinalDeliveryError, PastEndError } from './errors.ts'
import { checkRoom, reflink, writeAt } from './part-file.ts'
import { type RetryDeps, withRetries } from './retry.ts'
import { pageError, type Reading, type Source } from './source.ts'

export interface WholeOptions {
  part: string
  reserve: number
}

export interface WholeDeps extends RetryDeps {
  /** Called with how far the part file reaches. */
  reached?: (bytes: number) => void
  counts: Counts
  progress?: (counts: Counts) => void
}

/** What is known of a part file beside it: of which content it is, and how much of it is on the disk. */
const stateSchema = z.object({ source: z.string(), validator: z.string(), done: z.int().min(0) })
type PartState = z.infer<typeof stateSchema>

/** Bytes after which what came is brought onto the disk and counts for a later attempt. */
const STEP = 64 * 2 ** 20

/** Bytes after which the room is looked at again: of some servers nobody knows how much they send. */
const ROOM_STEP = 2 ** 20

/**
 * Takes a source without a manifest as one stream, and goes on with what an interrupted one has left when the server tells
 * that it is the same content. That it is whole is told by its length alone.
 * @throws FinalDeliveryError when it does not fit; the last error when the source gives up
 */
export async function deliverWhole(source: Source, options: WholeOptions, deps: WholeDeps): Promise<void> {
  try {
    if (source.file !== undefined) await takeFile(source.file, options, deps)
    else {
      let furthest = 0
      const reached = (bytes: number) => {
        furthest = Math.max(furthest, bytes)
      }
      const attempt = () => takeStream(source, options, { ...deps, reached })
      await withRetries(attempt, { ...deps, brought: () => furthest })
    }
  } catch (error) {
    // Nobody can tell what it is of, so that it would only take room.
    if ((await readState(stateOf(options.part))) === undefined) await rm(options.part, { force: true })
    throw error
  }
}

async function takeFile(path: string, { part, reserve }: WholeOptions, deps: WholeDeps): Promise<void> {
  const { counts, progress, signal } = deps
  const stamp = async () => {
    const { size, mtimeMs, ino } = await stat(path)
    return { size, text: `${ino} ${size} ${mtimeMs}` }
  }
  const before = await stamp()
  counts.total = before.size
  // Never a link: whoever writes to the file would write to the image.
  if (await reflink(path, part)) {
    counts.reused = before.size
  } else {
    await checkRoom(dirname(part), before.size, reserve)
    await using from = await open(path, 'r')
    await using to = await open(part, 'w')
    for await (const piece of from.createReadStream({ highWaterMark: 2 ** 20, autoClose: false, signal })) {
      await writeAt(to, piece, counts.fetched, true)
      counts.fetched += piece.length
      counts.arrived = counts.fetched
      progress?.(counts)
    }
    await to.truncate(counts.fetched)
    await to.sync()
  }
  const after = await stamp()
  const { size } = await stat(part)
  if (after.text !== before.text || size !== before.size)
    throw new FinalDeliveryError(`${path}: was written to while it was read`, {
      hint: 'deliver it once it is complete',
    })
  progress?.(counts)
}

async function takeStream(source: Source, options: WholeOptions, deps: WholeDeps): Promise<void> {
  const { part, reserve } = options
  const { counts, signal } = deps
  const stateFile = stateOf(part)
  const state = await readState(stateFile)
  const there = await stat(part).catch(() => undefined)
  const earlier =
    state !== undefined && state.source === source.shown && state.done <= (there?.size ?? -1)
      ? state
      : undefined
  await using file = await open(part, earlier === undefined ? 'w+' : 'r+')
  // One byte again: behind the end of what is complete already, a server has nothing to send.
  const start = Math.max(0, (earlier?.done ?? 0) - 1)
  await using reading = await source
    .read(start, undefined, earlier?.validator)
    .catch(async (error: unknown) => {
      if (error instanceof PastEndError) await rm(stateFile, { force: true })
      throw error
    })
  const { from, total, validator, page } = reading
  // Of an image nothing is proved here, and a page would be taken for one until it is judged.
  if (page) throw pageError(source.shown)
  // RFC 9110, 15.3.7.3: parts are of one content only under one strong validator, and not every server heeds If-Range.
  if (from > 0 && validator !== undefined && validator !== earlier?.validator) {
    await rm(stateFile, { force: true })
    throw new DeliveryError(`${source.shown}: has changed since it was begun, and is fetched from its start`)
  }
  // All from its start: the server has other content now, or sends no parts.
  await file.truncate(from)
  // Of earlier deliveries, not of earlier attempts.
  counts.reused = Math.max(0, from - counts.fetched)
  if (total !== undefined) {
    counts.total = total
    await checkRoom(dirname(part), total - from, reserve)
  }
  const mark = async (done: number) => {
    // One of an earlier attempt is of other content.
    if (validator === undefined) return rm(stateFile, { force: true })
    await file.sync()
    await writeDocument(stateFile, { source: source.shown, validator, done } satisfies PartState)
  }
  await mark(from)
  const done = await takeBody(reading, file, mark, options, deps)
  signal.throwIfAborted()
  if (total !== undefined && done !== total)
    throw new DeliveryError(`${source.shown}: ${done} bytes came, and it has ${total}`)
  counts.total = done
  await file.sync()
}

/** Bytes that the file has afterwards. */
async function takeBody(
  { body, from, total = Number.POSITIVE_INFINITY }: Reading,
  file: FileHandle,
  mark: (done: number) => Promise<void>,
  { part, reserve }: WholeOptions,
  { counts, progress, progressed, reached }: WholeDeps,
): Promise<number> {
  let at = from
  let marked = from
  let looked = Number.NEGATIVE_INFINITY
  try {
    for await (const got of untilEnough(body, () => at >= total)) {
      // What comes behind its end is not of it.
      const piece = got.subarray(0, total - at)
      if (at - looked >= ROOM_STEP) {
        await checkRoom(dirname(part), piece.length, reserve)
        looked = at
      }
      await writeAt(file, piece, at, true)
      at += piece.length
      counts.fetched += piece.length
      counts.arrived = at - counts.reused
      progressed()
      reached?.(at)
      progress?.(counts)
      if (at - marked < STEP) continue
      await file.truncate(at)
      await mark(at)
      marked = at
    }
  } finally {
    // What came before it was cut counts as well.
    await file.truncate(at)
    await mark(at)
  }
  return at
}

const stateOf = (part: string) => `${part}.state`

async function readState(path: string): Promise<PartState | undefined> {
  try {
    return stateSchema.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch {
    return undefined
  }
}
