import type { Range } from './schema.ts'

/** Ranges that touch or overlap made one, in rising order; empty ones are left out. */
export function mergeRanges(ranges: readonly Range[]): Range[] {
  const merged: Range[] = []
  for (const { from, to } of ranges.toSorted((a, b) => a.from - b.from)) {
    const last = merged.at(-1)
    if (to <= from) continue
    if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to)
    else merged.push({ from, to })
  }
  return merged
}

/** What is in the first and not in the second. */
export function subtractRanges(ranges: readonly Range[], without: readonly Range[]): Range[] {
  const holes = mergeRanges(without)
  return mergeRanges(ranges).flatMap((range) => {
    const left: Range[] = []
    let { from } = range
    for (const hole of holes) {
      if (hole.to <= from) continue
      if (hole.from >= range.to) break
      if (hole.from > from) left.push({ from, to: hole.from })
      from = hole.to
    }
    if (from < range.to) left.push({ from, to: range.to })
    return left
  })
}

/** Bytes in them; one that is in two of them counts once. */
export function totalBytes(ranges: readonly Range[]): number {
  return mergeRanges(ranges).reduce((sum, { from, to }) => sum + to - from, 0)
}

/** Ranges that do not overlap, gathered in any order: of very many only the first are listed, all are counted. */
export interface RangeList {
  add(range: Range): void
  /** Merged, in rising order. */
  readonly ranges: Range[]
  readonly bytes: number
}

export function createRangeList(limit: number): RangeList {
  const list: Range[] = []
  let bytes = 0
  return {
    add({ from, to }) {
      if (to <= from) return
      bytes += to - from
      const index = placeFor(list, from)
      const [before, after] = [list[index - 1], list[index]]
      const [joinsBefore, joinsAfter] = [before?.to === from, after?.from === to]
      if (joinsBefore && joinsAfter && before !== undefined && after !== undefined) {
        before.to = after.to
        list.splice(index, 1)
      } else if (joinsBefore && before !== undefined) before.to = to
      else if (joinsAfter && after !== undefined) after.from = from
      else if (list.length < limit) list.splice(index, 0, { from, to })
    },
    get ranges() {
      return list.map((range) => ({ ...range }))
    },
    get bytes() {
      return bytes
    },
  }
}

/** Index of the first range that starts at or after. */
function placeFor(list: readonly Range[], from: number): number {
  let [low, high] = [0, list.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((list[middle]?.from ?? 0) < from) low = middle + 1
    else high = middle
  }
  return low
}
