import * as z from 'zod'

/** `from` up to, not including, `to`; in bytes. */
export const rangeSchema = z.object({ from: z.int().nonnegative(), to: z.int().positive() })

/** What a whole-disk pass writes. A random pass is the AES-256-CTR key stream of the seed, block counter = offset / 16. */
export const patternSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('zero') }),
  z.object({ kind: z.literal('random'), seed: z.string().regex(/^[0-9a-f]{64}$/) }),
])

const disk = {
  path: z.string(),
  sizeBytes: z.int().positive(),
  /** Logical sector size: what one failed sector costs. */
  sectorBytes: z.int().positive(),
}

export const overwriteRequestSchema = z.object({
  work: z.literal('overwrite'),
  ...disk,
  pattern: patternSchema,
  /** Bytes that an earlier process of the same pass had written for certain. */
  from: z.int().nonnegative(),
})

/** Canaries: 4,096 bytes (or one sector, if that is bigger) that only this run knows, at offsets of that size. */
export const markRequestSchema = z.object({
  work: z.literal('mark'),
  ...disk,
  seed: z.string().regex(/^[0-9a-f]{64}$/),
  offsets: z.array(z.int().nonnegative()),
})

export const readRequestSchema = z.object({
  work: z.literal('read'),
  ...disk,
  /** What has to be there; null: anything, only canaries are looked for. */
  expect: patternSchema.nullable(),
  /** Null: everything. In rising order. */
  ranges: z.array(rangeSchema).nullable(),
  /** Canaries that must be gone; each is read, inside the ranges or not. */
  canaries: z
    .object({ seed: z.string().regex(/^[0-9a-f]{64}$/), offsets: z.array(z.int().nonnegative()) })
    .nullable(),
})

export const workRequestSchema = z.discriminatedUnion('work', [
  overwriteRequestSchema,
  markRequestSchema,
  readRequestSchema,
])

export type Range = z.infer<typeof rangeSchema>
export type Pattern = z.infer<typeof patternSchema>
export type OverwriteRequest = z.infer<typeof overwriteRequestSchema>
export type MarkRequest = z.infer<typeof markRequestSchema>
export type ReadRequest = z.infer<typeof readRequestSchema>
export type WorkRequest = z.infer<typeof workRequestSchema>

export const overwriteResultSchema = z.object({
  /** By this process: without what an earlier one wrote. */
  writtenBytes: z.int().nonnegative(),
  /**
   * Not written after all retries; merged, in rising order, of this process only: what an earlier one could not write
   * stands in its last checkpoint. At most 10,000 are listed, `unwrittenBytes` counts all.
   */
  unwritten: z.array(rangeSchema),
  unwrittenBytes: z.int().nonnegative(),
  retries: z.int().nonnegative(),
  seconds: z.number(),
})

export const markResultSchema = z.object({
  /** Offsets that were written and read back as written. */
  placed: z.array(z.int().nonnegative()),
  failed: z.array(z.object({ offset: z.int().nonnegative(), error: z.string() })),
})

export const readResultSchema = z.object({
  /** Of the ranges; canaries outside them are not counted. */
  readBytes: z.int().nonnegative(),
  /** Bytes that are not as expected; merged by sectors, at most 1,000 listed, `mismatchedBytes` counts whole sectors. */
  mismatches: z.array(rangeSchema),
  mismatchedBytes: z.int().nonnegative(),
  /** At most 1,000 listed. */
  unreadable: z.array(rangeSchema),
  unreadableBytes: z.int().nonnegative(),
  /** Offsets of canaries of which at least one whole sector is still there. */
  canariesFound: z.array(z.int().nonnegative()),
  /** Canaries of which every sector could be read. */
  canariesChecked: z.int().nonnegative(),
  /** Whether all that was read of the ranges is one and the same byte; which, as a number. */
  uniform: z.int().min(0).max(255).nullable(),
  seconds: z.number(),
})

export type OverwriteResult = z.infer<typeof overwriteResultSchema>
export type MarkResult = z.infer<typeof markResultSchema>
export type ReadResult = z.infer<typeof readResultSchema>

/** How work in the worker of a disk ended. */
export type WorkEnd<Result> =
  | { state: 'done'; result: Result }
  /** The disk has gone, or is not what it was; nothing of the rest was tried. `at`: the offset where that was noticed. */
  | { state: 'gone'; reason: string; at: number }
  /**
   * No progress for the stall limit; the worker was killed, or could not be (a disk that hangs in the kernel). `at`: bytes
   * that were done.
   */
  | { state: 'stalled'; reason: string; at: number; killed: boolean }
  /** The worker could not begin (open failed: in use, read-only) or broke. */
  | { state: 'broken'; reason: string }

const endSchema = z.discriminatedUnion('state', [
  /** The result is judged by the schema of the work that was asked for. */
  z.object({ state: z.literal('done'), result: z.unknown() }),
  z.object({ state: z.literal('gone'), reason: z.string(), at: z.number() }),
  z.object({ state: z.literal('broken'), reason: z.string() }),
])

/** What a disk's worker says, one JSON line each. */
export const workerMessageSchema = z.discriminatedUnion('kind', [
  /** Settled bytes of all, and reads and writes that have ended: either one's growth shows that the disk answers. */
  z.object({ kind: z.literal('progress'), done: z.number(), total: z.number(), operations: z.number() }),
  /** Everything below `written` is written for certain, or could not be and stands in `unwritten`. */
  z.object({
    kind: z.literal('checkpoint'),
    written: z.number(),
    unwritten: z.array(rangeSchema),
    unwrittenBytes: z.number(),
  }),
  z.object({ kind: z.literal('end'), end: endSchema }),
])

export type Checkpoint = Omit<Extract<z.infer<typeof workerMessageSchema>, { kind: 'checkpoint' }>, 'kind'>
export type WorkerMessage = z.infer<typeof workerMessageSchema>
