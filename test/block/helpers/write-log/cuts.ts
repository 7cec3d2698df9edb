import type { LogEntry } from './format.ts'

/** What a disk writes as a whole or not at all. */
export interface Piece {
  at: number
  data: Buffer
  /** Number of its entry in the log. */
  entry: number
  /** Durable once it is done. */
  fua: boolean
}

/** One state that a power cut can leave: all pieces below `durable`, and of those that follow only `also`. */
export interface Cut {
  durable: number
  also: readonly number[]
  /**
   * Entries that may have been logged at the latest when this state was on the disk. The power can go just before the
   * next flush ends, so that even late nothing but `durable` is certain.
   */
  latest: number
  kind: 'prefix' | 'subset'
}

export interface CutOptions {
  /** Bytes that a disk writes whole; all that is larger can be torn there. */
  atomBytes: number
  /** Without: prefixes only. */
  subsets: boolean
  /** With up to so many pieces between two flushes every subset of them is a cut. */
  everySubsetUpTo: number
  /** With more: so many random ones, besides each one alone and all but each one. */
  sampled: number
  seed: number
}

/**
 * 4096: a superblock of btrfs, or of a journal of ext4, torn within its 4 KiB fails its own checksum whatever was being
 * done, and no order of a swap's writes can help against that.
 */
export const DEFAULT_CUTS: CutOptions = {
  atomBytes: 4096,
  subsets: true,
  everySubsetUpTo: 8,
  sampled: 24,
  seed: 1,
}

/** Splits the writes at borders of `atomBytes` on the disk; discards as zeros. */
export function piecesOf(entries: readonly LogEntry[], atomBytes: number): Piece[] {
  return entries.flatMap((entry, number) => {
    if (entry.kind === 'flush') return []
    const data = entry.kind === 'write' ? entry.data : Buffer.alloc(entry.length)
    // Of what nobody reads any more no torn state is worth its price.
    if (entry.kind === 'discard') return [{ at: entry.at, data, entry: number, fua: false }]
    const pieces: Piece[] = []
    for (let from = 0; from < data.length; ) {
      const to = Math.min(data.length, from + atomBytes - ((entry.at + from) % atomBytes))
      pieces.push({ at: entry.at + from, data: data.subarray(from, to), entry: number, fua: entry.fua })
      from = to
    }
    return pieces
  })
}

/**
 * Every state that a power cut can leave under the rule of a disk with a write cache: what came before a finished flush is
 * there, of what follows anything may be. All prefixes are among them, in their order; subsets are sampled where they
 * are too many.
 */
export function planCuts(
  entries: readonly LogEntry[],
  pieces: readonly Piece[],
  options: CutOptions = DEFAULT_CUTS,
): Cut[] {
  const cuts: Cut[] = []
  const random = createRandom(options.seed)
  let from = 0
  for (const flush of [...flushesOf(entries), entries.length]) {
    let to = from
    while (to < pieces.length && (pieces[to]?.entry ?? 0) < flush) to += 1
    for (const also of setsOf(from, to, pieces, options, random)) {
      const prefix = also.every((piece, i) => piece === from + i)
      cuts.push({ durable: from, also, latest: flush, kind: prefix ? 'prefix' : 'subset' })
    }
    from = to
  }
  return cuts
}

const flushesOf = (entries: readonly LogEntry[]) =>
  entries.flatMap((entry, i) => (entry.kind === 'flush' ? [i] : []))

/** Subsets of the pieces [from, to): prefixes first, each once. */
function setsOf(
  from: number,
  to: number,
  pieces: readonly Piece[],
  { subsets, everySubsetUpTo, sampled }: CutOptions,
  random: () => number,
): number[][] {
  const all = Array.from({ length: to - from }, (_, i) => from + i)
  const sets = [[], ...all.map((_, i) => all.slice(0, i + 1))]
  if (!subsets) return sets
  if (all.length <= everySubsetUpTo) {
    for (let bits = 0; bits < 2 ** all.length; bits += 1) sets.push(all.filter((_, i) => (bits >> i) & 1))
  } else {
    sets.push(...all.map((piece) => [piece]), ...all.map((piece) => all.filter((each) => each !== piece)))
    for (let i = 0; i < sampled; i += 1) {
      const share = random()
      sets.push(all.filter(() => random() < share))
    }
  }
  const seen = new Set<string>()
  return sets.filter((set) => {
    const key = set.join()
    const known = seen.has(key)
    seen.add(key)
    const last = set.at(-1) ?? -1
    const lost = all.some((piece) => piece < last && pieces[piece]?.fua && !set.includes(piece))
    return !known && !lost
  })
}

/** Mulberry32: small, and the same numbers everywhere. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
