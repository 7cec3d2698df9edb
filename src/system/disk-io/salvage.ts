import type { Cursor } from './cursor.ts'
import type { Range } from './schema.ts'
import { BLOCK, type Block, type SweepWork } from './sweep.ts'

/** So many defects in a row, each tried twice, and the rest of the bad area is gone round. */
const ROW = 16
/** First step beyond a bad area, in bytes; each further one is twice as long, up to a share of the range. */
const FIRST_STEP = 2 ** 20
const LARGEST_STEP = 64 * FIRST_STEP
const STEP_SHARE = 1 / 256
/** After so many failed operations a block that fails is lost whole, untried: a dying disk must not take weeks. */
const PATIENCE = 4000

/** Counters of the sweep, which salvaging goes on with. */
export interface Counters {
  done: number
  operations: number
  retries: number
  failures: number
  /** Defects in a row, with nothing done between them. */
  row: number
}

/**
 * Saves what can be saved of blocks that have failed once: each is tried again, then halved down to single defects.
 * After too many of them in a row it looks ahead in growing steps for a place that answers, and comes back from there
 * towards the bad area until that is met again: what lies between is lost. Every byte is either done once or lost.
 */
export async function salvage(
  first: readonly Block[],
  work: SweepWork,
  cursor: Cursor,
  counters: Counters,
): Promise<void> {
  let failed = [...first]
  const patient = () => counters.failures <= PATIENCE
  /** Single defects that have failed once, as a block of their own or when it was looked ahead. */
  const failedOnce = new Set(first.filter(isSingle).map(({ from }) => from))
  function isSingle({ from, to }: Range): boolean {
    return to - from <= work.granule
  }
  const triesOf = (range: Range) => (isSingle(range) && !failedOnce.has(range.from) ? 2 : 1)
  const unit = () => (patient() ? work.granule : BLOCK)

  async function attempt(act: SweepWork['act'], range: Range, tries: number): Promise<boolean> {
    for (let n = 1; n <= tries; n += 1) {
      if (n > 1) counters.retries += 1
      try {
        await act(range, 0)
        return true
      } catch (error) {
        counters.failures += 1
        await work.judge(error, range.from)
      } finally {
        counters.operations += 1
      }
    }
    return false
  }
  const done = ({ from, to }: Range) => {
    counters.done += to - from
  }
  const lose = (range: Range) => {
    if (range.to <= range.from) return
    work.lost(range)
    done(range)
  }

  /**
   * Settles a range from one side, first tried whole so many times. Where it stopped when too many had failed in a row,
   * which may be the range's other end.
   */
  async function settle(
    range: Range,
    side: 'start' | 'end',
    first: number,
    row: { row: number },
  ): Promise<number | undefined> {
    const stack: { range: Range; tries: number }[] = [{ range, tries: first }]
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const { from, to } = next.range
      if (await attempt(work.act, next.range, next.tries)) {
        done(next.range)
        row.row = 0
      } else if (to - from > unit()) {
        const middle = middleOf(next.range, work.granule)
        const halves = [
          { from, to: middle },
          { from: middle, to },
        ].map((half) => ({ range: half, tries: triesOf(half) }))
        stack.push(...(side === 'start' ? halves.reverse() : halves))
      } else {
        lose(next.range)
        row.row += 1
        if (row.row >= ROW) return side === 'start' ? to : from
      }
    }
    return undefined
  }

  /** The nearest place after a bad area that answers, by steps that grow; undefined when none does. */
  async function findGood(from: number, end: number): Promise<number | undefined> {
    const largest = Math.max(LARGEST_STEP, (end - from) * STEP_SHARE)
    let step = FIRST_STEP
    for (let at = from; ; step = Math.min(2 * step, largest)) {
      at = Math.ceil((at + step) / work.granule) * work.granule
      if (at >= end) return undefined
      if (await attempt(work.probe, { from: at, to: Math.min(at + work.granule, end) }, 1)) return at
      failedOnce.add(at)
    }
  }

  /** From the end of a bad area towards its start. */
  async function comeBack({ from, to }: Range): Promise<void> {
    const row = { row: 0 }
    for (let end = to; end > from; ) {
      const block = { from: Math.max(from, Math.floor((end - 1) / BLOCK) * BLOCK), to: end }
      const tries = isSingle(block) ? triesOf(block) : 2
      const stopped = await settle(block, 'end', patient() ? tries : 1, row)
      if (stopped !== undefined) {
        lose({ from, to: stopped })
        return
      }
      end = block.from
    }
  }

  for (let block = failed.shift(); block !== undefined; block = failed.shift()) {
    if (patient()) counters.retries += 1
    // It has failed once already.
    const stopped = await settle(block, 'start', patient() ? 1 : 0, counters)
    if (stopped === undefined) continue
    // Blocks right behind it that have failed too belong to the bad area; one that was done ends it.
    let bad = block.to
    for (const next of failed) if (next.from === bad && next.end === block.end) bad = next.to
    const ends = cursor.ended || cursor.at > bad || bad === block.end
    const good = ends ? bad : await findGood(stopped, block.end)
    await comeBack({ from: stopped, to: good ?? block.end })
    // With none found the next range has to show first that the disk still answers.
    if (good !== undefined) counters.row = 0
    const past = good ?? block.end
    // What of the failed blocks lies beyond is still to be settled.
    failed = [block, ...failed]
      .filter((next) => next.end !== block.end || next.to > past)
      .map((next) => (next.end === block.end ? { ...next, from: Math.max(next.from, past) } : next))
    if (!ends) cursor.jump(Math.max(cursor.at, past))
  }
}

/** A border of defects inside a range that is longer than one. */
function middleOf({ from, to }: Range, granule: number): number {
  const middle = Math.floor((from + to) / 2 / granule) * granule
  return middle > from ? middle : Math.floor(from / granule + 1) * granule
}
