import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { canaryOffsets, samplePlaces } from '../../src/system/disk-io/places.ts'
import { mergeRanges, subtractRanges, totalBytes } from '../../src/system/disk-io/ranges.ts'

const seedOf = (n: number) => n.toString(16).padStart(64, '0')
const SEED = seedOf(1)

test('a sample of any disk: whole sectors, in order, a tenth at least, in every thousandth, first and last sector', () => {
  const sizes = fc.integer({ min: 2 ** 30 / 4096, max: 30e12 / 4096 })
  fc.assert(
    fc.property(sizes, fc.constantFrom(512, 4096), fc.nat(), (blocks, sectorBytes, seed) => {
      const size = blocks * 4096
      const places = samplePlaces(seedOf(seed), size, sectorBytes)
      assert.equal(mergeRanges(places), places)
      assert.ok(places.every(({ from, to }) => from % sectorBytes === 0 && to % sectorBytes === 0))
      assert.is(places[0]?.from, 0)
      assert.is(places.at(-1)?.to, size)
      const share = totalBytes(places) / size
      assert.ok(share >= 0.1 && share < 0.11, `${share}`)
      // No stretch of two thousandths is without a place, wherever the borders of the parts are.
      const gaps = subtractRanges([{ from: 0, to: size }], places)
      assert.ok(gaps.every(({ from, to }) => to - from < (2 * size) / 1000))
    }),
    { numRuns: 30 },
  )
})

test('two places in each part, each at least a twentieth of it', () => {
  const size = 1000 * 2 ** 24
  const places = samplePlaces(SEED, size, 512)
  for (let part = 0; part < 1000; part += 1) {
    const outside = [
      { from: 0, to: part * 2 ** 24 },
      { from: (part + 1) * 2 ** 24, to: size },
    ]
    const inside = totalBytes(subtractRanges(places, outside))
    assert.ok(inside >= 2 * 0.05 * 2 ** 24, `part ${part}: ${inside}`)
    assert.ok(inside <= 2 * 0.05 * 2 ** 24 + 4 * 512, `part ${part}: ${inside}`)
  }
})

test('a small disk is read whole', () => {
  assert.equal(samplePlaces(SEED, 2 ** 20 + 100, 512), [{ from: 0, to: 2 ** 20 }])
})

test('places depend on the seed and on nothing else', () => {
  const places = (seed: string) => JSON.stringify(samplePlaces(seed, 2e12, 512))
  assert.is(places(SEED), places(SEED))
  assert.is.not(places(SEED), places(seedOf(2)))
})

test('canaries: as many as asked for or as fit, first and last block, rising, spread over all parts', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 5000 }),
      fc.integer({ min: 0, max: 300 }),
      fc.nat(),
      (blocks, count, seed) => {
        const offsets = canaryOffsets(seedOf(seed), blocks * 4096 + 512, 4096, count)
        assert.is(offsets.length, Math.min(blocks, count))
        assert.ok(offsets.every((offset, i) => offset % 4096 === 0 && offset > (offsets[i - 1] ?? -1)))
        if (offsets.length >= 1) assert.is(offsets[0], 0)
        if (offsets.length >= 2) assert.is(offsets.at(-1), (blocks - 1) * 4096)
        const widest = Math.max(...offsets.slice(1).map((offset, i) => offset - (offsets[i] ?? 0)))
        if (offsets.length >= 3) assert.ok(widest <= (2 * blocks * 4096) / (offsets.length - 2) + 2 * 4096)
      },
    ),
  )
  assert.is.not(String(canaryOffsets(SEED, 1e12, 4096, 64)), String(canaryOffsets(seedOf(2), 1e12, 4096, 64)))
})

test.run()
