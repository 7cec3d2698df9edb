import { seededNumbers } from './keystream.ts'
import { mergeRanges } from './ranges.ts'
import type { Range } from './schema.ts'

/** NIST SP 800-88r1, 4.7.3 and appendix A: equal subsections, two places in each, of a twentieth of it each. */
const SUBSECTIONS = 1000
const SHARE = 0.05

/** Below this a disk is read whole: that takes seconds. */
const SMALL = 2 ** 30

/**
 * Where to read when not everything is read: two places that do not overlap, at random, in each of 1,000 equal parts,
 * which together are at least a tenth of the disk; first and last sector always. In rising order, whole sectors.
 */
export function samplePlaces(seed: string, sizeBytes: number, sectorBytes: number): Range[] {
  const sectors = Math.floor(sizeBytes / sectorBytes)
  if (sizeBytes < SMALL) return mergeRanges([{ from: 0, to: sectors * sectorBytes }])
  const random = seededNumbers(seed)
  const places: Range[] = [
    { from: 0, to: 1 },
    { from: sectors - 1, to: sectors },
  ]
  for (let i = 0; i < SUBSECTIONS; i += 1) {
    const start = Math.floor((i * sectors) / SUBSECTIONS)
    const length = Math.floor(((i + 1) * sectors) / SUBSECTIONS) - start
    const part = Math.ceil(length * SHARE)
    // Two points of what is left without the places themselves, in order: the second place starts after the first.
    const free = length - 2 * part + 1
    const [first, second] = [Math.floor(random() * free), Math.floor(random() * free)].sort((a, b) => a - b)
    const at = [start + (first ?? 0), start + (second ?? 0) + part]
    places.push(...at.map((from) => ({ from, to: from + part })))
  }
  return mergeRanges(places.map(({ from, to }) => ({ from: from * sectorBytes, to: to * sectorBytes })))
}

/**
 * Where canaries lie: multiples of the block size, rising, none twice, the first and the last block among them and the
 * others at random, one in each of as many equal parts. Fewer when there are fewer blocks.
 */
export function canaryOffsets(seed: string, sizeBytes: number, blockBytes: number, count: number): number[] {
  const blocks = Math.floor(sizeBytes / blockBytes)
  const wanted = Math.min(count, blocks)
  if (wanted <= 0) return []
  if (wanted === 1) return [0]
  const random = seededNumbers(seed)
  const between = wanted - 2
  const chosen = [0]
  for (let i = 0; i < between; i += 1) {
    const low = 1 + Math.floor((i * (blocks - 2)) / between)
    const high = 1 + Math.floor(((i + 1) * (blocks - 2)) / between)
    chosen.push(low + Math.floor(random() * (high - low)))
  }
  chosen.push(blocks - 1)
  return chosen.map((block) => block * blockBytes)
}

/** Size of a canary, in bytes: at least a sector. */
export function canaryBytes(sectorBytes: number): number {
  return Math.max(4096, sectorBytes)
}
