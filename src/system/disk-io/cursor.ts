import type { Range } from './schema.ts'

/** Cuts ranges into blocks, one after another. */
export interface Cursor {
  /** Where the next block starts; past the last range its end. */
  readonly at: number
  readonly ended: boolean
  /** At most one block, up to the next multiple of its size; `end` is where its range ends. */
  next(): (Range & { end: number }) | undefined
  /** Goes on from there, which lies in the current range or at its end. */
  jump(at: number): void
}

export function openCursor(ranges: readonly Range[], block: number): Cursor {
  let index = 0
  let at = ranges[0]?.from ?? 0
  const settle = () => {
    const range = ranges[index]
    if (range === undefined || at < range.to) return
    index += 1
    at = ranges[index]?.from ?? at
  }
  return {
    get at() {
      return at
    },
    get ended() {
      return index >= ranges.length
    },
    next() {
      const range = ranges[index]
      if (range === undefined) return undefined
      const from = at
      at = Math.min((Math.floor(from / block) + 1) * block, range.to)
      const cut = { from, to: at, end: range.to }
      settle()
      return cut
    },
    jump(to) {
      at = to
      settle()
    },
  }
}
