import { fillKeystream } from './keystream.ts'
import type { Pattern, Range } from './schema.ts'

/** Compared at once, in bytes: the expected bytes stay in the processor's cache. */
const PIECE = 256 * 1024

/**
 * The one byte that all of the data is; undefined when it is not one and the same. The data is compared with itself,
 * one byte further: that reads it once, at the speed of memory.
 */
export function uniformByte(data: Buffer): number | undefined {
  const last = data.length - 1
  const first = data[0]
  return first === undefined || data.compare(data, 1, last + 1, 0, last) !== 0 ? undefined : first
}

/** Sectors of data, which lies at that offset, that are not as the pattern has them; merged. */
export type FindMismatches = (data: Buffer, offset: number) => Range[]

export function createMismatchFinder(pattern: Pattern, sectorBytes: number): FindMismatches {
  const scratch = Buffer.alloc(PIECE)
  return (data, offset) => {
    const found: Range[] = []
    for (let at = 0; at < data.length; at += PIECE) {
      const piece = data.subarray(at, at + PIECE)
      const expected = scratch.subarray(0, piece.length)
      if (pattern.kind === 'random') fillKeystream(pattern.seed, 'pattern', offset + at, expected)
      if (piece.compare(expected) === 0) continue
      for (const from of differentSectors(piece, expected, sectorBytes)) {
        const start = offset + at + from
        const last = found.at(-1)
        if (last?.to === start) last.to += sectorBytes
        else found.push({ from: start, to: start + sectorBytes })
      }
    }
    return found
  }
}

function* differentSectors(data: Buffer, expected: Buffer, sectorBytes: number): Generator<number> {
  for (let at = 0; at < data.length; at += sectorBytes) {
    if (data.compare(expected, at, at + sectorBytes, at, at + sectorBytes) !== 0) yield at
  }
}

/** Whether at least one whole sector of the data is as the expected one. */
export function sharesSector(data: Buffer, expected: Buffer, sectorBytes: number): boolean {
  for (let at = 0; at < expected.length; at += sectorBytes) {
    if (data.compare(expected, at, at + sectorBytes, at, at + sectorBytes) === 0) return true
  }
  return false
}
