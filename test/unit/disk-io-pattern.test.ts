import { createCipheriv } from 'node:crypto'
import { getRawPointer } from 'node:ffi'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { alignedBuffers } from '../../src/system/disk-io/aligned.ts'
import { createMismatchFinder, sharesSector, uniformByte } from '../../src/system/disk-io/compare.ts'
import { fillKeystream, seededNumbers } from '../../src/system/disk-io/keystream.ts'

const SEED = '0f1e2d3c4b5a69788796a5b4c3d2e1f00112233445566778899aabbccddeeff0'

test('the key stream is AES-256-CTR with the block number as counter', () => {
  const whole = Buffer.alloc(1 << 20)
  fillKeystream(SEED, 'pattern', 0, whole)
  const cipher = createCipheriv('aes-256-ctr', Buffer.from(SEED, 'hex'), Buffer.alloc(16))
  assert.ok(whole.equals(cipher.update(Buffer.alloc(1 << 20))))
})

test('any part of it can be made again on its own', () => {
  const whole = Buffer.alloc(1 << 20)
  fillKeystream(SEED, 'pattern', 0, whole)
  fc.assert(
    fc.property(fc.nat(65_000), fc.integer({ min: 1, max: 30_000 }), (block, blocks) => {
      const from = block * 16
      const part = Buffer.alloc(Math.min(blocks * 16, whole.length - from))
      fillKeystream(SEED, 'pattern', from, part)
      assert.ok(part.equals(whole.subarray(from, from + part.length)))
    }),
  )
})

test('it goes on beyond what 32 bits can count', () => {
  const far = 20e12
  const [one, next] = [Buffer.alloc(1024), Buffer.alloc(512)]
  fillKeystream(SEED, 'pattern', far, one)
  fillKeystream(SEED, 'pattern', far + 512, next)
  assert.ok(one.subarray(512).equals(next))
  const wrapped = Buffer.alloc(1024)
  fillKeystream(SEED, 'pattern', far % (16 * 2 ** 32), wrapped)
  assert.not(one.equals(wrapped))
})

test('canaries, patterns and other seeds have nothing in common', () => {
  const blocks = (
    [
      [SEED, 'pattern', 0],
      [SEED, 'canary', 0],
      [SEED, 'places', 0],
      [SEED, 'canary', 4096],
      [SEED.replace('0', '1'), 'canary', 0],
    ] as const
  ).map(([seed, domain, offset]) => {
    const buffer = Buffer.alloc(4096)
    fillKeystream(seed, domain, offset, buffer)
    return buffer.toString('hex')
  })
  assert.is(new Set(blocks).size, blocks.length)
})

test('numbers are spread evenly', () => {
  const next = seededNumbers(SEED)
  const counts = Array.from({ length: 10 }, () => 0)
  for (let i = 0; i < 10_000; i += 1) {
    const index = Math.floor(next() * 10)
    counts[index] = (counts[index] ?? 0) + 1
  }
  assert.ok(
    counts.every((count) => count > 850 && count < 1150),
    String(counts),
  )
})

test('buffers lie at pages', () => {
  for (const buffer of alignedBuffers(5, 4 * 2 ** 20 + 512)) {
    assert.is(Number(getRawPointer(buffer)) % 4096, 0)
    assert.is(buffer.length, 4 * 2 ** 20 + 512)
  }
})

test('one and the same byte, wherever the odd one lies', () => {
  for (const byte of [0, 0x33, 0xff]) {
    const data = Buffer.alloc(8192, byte)
    assert.is(uniformByte(data), byte)
    for (const at of [0, 1, 4095, 4096, 8191]) {
      const odd = Buffer.from(data)
      odd[at] = byte ^ 1
      assert.is(uniformByte(odd), undefined, `${at}`)
    }
  }
  assert.is(uniformByte(Buffer.alloc(0)), undefined)
})

test('exactly the sectors that differ are found', () => {
  const size = 1 << 20
  const offset = 5 << 20
  for (const pattern of [{ kind: 'zero' } as const, { kind: 'random', seed: SEED } as const]) {
    const find = createMismatchFinder(pattern, 512)
    const good = Buffer.alloc(size)
    if (pattern.kind === 'random') fillKeystream(SEED, 'pattern', offset, good)
    assert.equal(find(good, offset), [])
    const odd = Buffer.from(good)
    for (const at of [0, 512, 1024 + 511, 262_143, 262_144, size - 1]) odd[at] = (odd[at] ?? 0) ^ 0x80
    assert.equal(find(odd, offset), [
      { from: offset, to: offset + 1536 },
      { from: offset + 262_144 - 512, to: offset + 262_144 + 512 },
      { from: offset + size - 512, to: offset + size },
    ])
    if (pattern.kind === 'random') assert.equal(find(good, 0), [{ from: 0, to: size }])
  }
})

test('a canary is there while one sector of it is', () => {
  const canary = Buffer.alloc(4096)
  fillKeystream(SEED, 'canary', 0, canary)
  const rest = Buffer.alloc(4096)
  assert.not(sharesSector(rest, canary, 512))
  canary.copy(rest, 3584, 3584)
  assert.ok(sharesSector(rest, canary, 512))
  rest[4000] = (rest[4000] ?? 0) ^ 1
  assert.not(sharesSector(rest, canary, 512))
})

test.run()
