import type { BlockFile } from './block-file.ts'
import { judgeFailure } from './judge.ts'
import { fillKeystream } from './keystream.ts'
import { mergeRanges } from './ranges.ts'
import type { Range } from './schema.ts'

/** What the canary at that offset is: every one differs, and only who has the seed knows it. */
export function canaryContent(seed: string, offset: number, length: number): Buffer {
  const content = Buffer.alloc(length)
  fillKeystream(seed, 'canary', offset, content)
  return content
}

/**
 * Reads a place of some sectors; when that fails, each sector, twice at most. Gives those that could not be read, merged;
 * they are zeros in the target.
 */
export async function readInPieces(
  file: BlockFile,
  target: Buffer,
  offset: number,
  sectorBytes: number,
): Promise<Range[]> {
  const attempt = async (from: number, to: number) => {
    try {
      await file.read(target.subarray(from, to), offset + from)
      return true
    } catch (error) {
      await judgeFailure(file, error, offset + from)
      target.fill(0, from, to)
      return false
    }
  }
  if (await attempt(0, target.length)) return []
  const lost: Range[] = []
  for (let from = 0; from < target.length; from += sectorBytes) {
    const to = from + sectorBytes
    if (!(await attempt(from, to)) && !(await attempt(from, to)))
      lost.push({ from: offset + from, to: offset + to })
  }
  return mergeRanges(lost)
}
