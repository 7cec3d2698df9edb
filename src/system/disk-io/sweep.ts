import { openCursor } from './cursor.ts'
import { salvage } from './salvage.ts'
import type { Range } from './schema.ts'

/** One read or write, in bytes; with four at once as fast as any disk that was measured. */
export const BLOCK = 4 * 2 ** 20
export const DEPTH = 4

/** What is done to a disk, place by place. */
export interface SweepWork {
  /** Whole sectors, in rising order. */
  ranges: readonly Range[]
  /** What a defect costs at least, in bytes. */
  granule: number
  /** Does it to one place, of at most a block; `slot` (below DEPTH) tells which buffer is free. Counts once it resolves. */
  act(range: Range, slot: number): Promise<void>
  /** Whether that place answers at all; does not count. */
  probe(range: Range, slot: number): Promise<void>
  /** That place could not be done, after all tries. */
  lost(range: Range): void
  /** Judges what an operation rejected with: resolves when only that place is at fault. */
  judge(error: unknown, at: number): Promise<void>
}

export interface Sweep {
  /** Bytes that were done or lost. */
  readonly done: number
  /** All ranges below this offset are done or lost; not to be used while salvaging. */
  readonly frontier: number
  readonly salvaging: boolean
  /** Reads and writes that have ended, well or not: that the disk answers. */
  readonly operations: number
  readonly retries: number
  run(): Promise<void>
}

/** A block on its way, with the end of its range. */
export interface Block extends Range {
  end: number
}

/**
 * Goes over the ranges with several operations at once. Where one fails it waits for the others and goes on alone and
 * carefully (salvage.ts), until the place is behind it.
 */
export function createSweep(work: SweepWork): Sweep {
  const cursor = openCursor(work.ranges, BLOCK)
  const open = new Set<Block>()
  const state = { done: 0, salvaging: false, operations: 0, retries: 0, failures: 0, row: 0 }
  let failed: Block[] = []

  async function lane(slot: number): Promise<void> {
    while (failed.length === 0) {
      const block = cursor.next()
      if (block === undefined) return
      open.add(block)
      try {
        await work.act(block, slot)
        state.done += block.to - block.from
        state.row = 0
        open.delete(block)
      } catch (error) {
        failed.push(block)
        state.failures += 1
        await work.judge(error, block.from)
      } finally {
        state.operations += 1
      }
    }
  }

  return {
    get done() {
      return state.done
    },
    get frontier() {
      return Math.min(cursor.at, ...[...open].map(({ from }) => from))
    },
    get salvaging() {
      return state.salvaging
    },
    get operations() {
      return state.operations
    },
    get retries() {
      return state.retries
    },
    async run() {
      while (!cursor.ended) {
        await Promise.all(Array.from({ length: DEPTH }, (_, slot) => lane(slot)))
        if (failed.length === 0) continue
        state.salvaging = true
        await salvage(
          failed.toSorted((a, b) => a.from - b.from),
          work,
          cursor,
          state,
        )
        failed = []
        open.clear()
        state.salvaging = false
      }
    },
  }
}
