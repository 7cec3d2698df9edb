import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createRangeList, mergeRanges, subtractRanges, totalBytes } from '../../src/system/disk-io/ranges.ts'

const range = fc
  .tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 12 }))
  .map(([from, length]) => ({ from, to: from + length }))
const ranges = fc.array(range, { maxLength: 12 })

/** The same by single bytes. */
const bytesOf = (list: readonly { from: number; to: number }[]) =>
  new Set(list.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i)))
const sorted = (set: Set<number>) => [...set].sort((a, b) => a - b)

test('merged ranges hold the same bytes, rising, and none touches the next', () => {
  fc.assert(
    fc.property(ranges, (list) => {
      const merged = mergeRanges(list)
      assert.equal(sorted(bytesOf(merged)), sorted(bytesOf(list)))
      for (const [i, { from, to }] of merged.entries()) {
        assert.ok(from < to)
        assert.ok(i === 0 || from > (merged[i - 1]?.to ?? 0))
      }
      assert.is(totalBytes(list), bytesOf(list).size)
    }),
  )
})

test('what is left of ranges is what is in none of the others', () => {
  fc.assert(
    fc.property(ranges, ranges, (list, without) => {
      const left = sorted(bytesOf(subtractRanges(list, without)))
      assert.equal(left, sorted(bytesOf(list).difference(bytesOf(without))))
    }),
  )
})

test('a list of ranges in any order is merged, and lists no more than it may but counts all', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 0, max: 40 })),
      fc.integer({ min: 1, max: 50 }),
      (bytes, limit) => {
        const list = createRangeList(limit)
        for (const from of bytes) list.add({ from, to: from + 1 })
        assert.is(list.bytes, bytes.length)
        assert.ok(list.ranges.length <= limit)
        const all = mergeRanges(bytes.map((from) => ({ from, to: from + 1 })))
        if (limit >= bytes.length) assert.equal(list.ranges, all)
        assert.equal(mergeRanges(list.ranges), list.ranges)
        assert.ok(bytesOf(list.ranges).isSubsetOf(new Set(bytes)))
      },
    ),
  )
})

test('what a list gave does not change with it', () => {
  const list = createRangeList(10)
  list.add({ from: 0, to: 1 })
  const before = list.ranges
  list.add({ from: 1, to: 2 })
  assert.equal(before, [{ from: 0, to: 1 }])
})

test.run()
