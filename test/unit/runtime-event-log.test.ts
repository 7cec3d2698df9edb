import { appendFileSync, readFileSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openEventLog, sequenceNumber } from '../../src/runtime/event-log.ts'
import { eventSchema } from '../../src/runtime/events.ts'
import { followEvents } from '../../src/runtime/follow.ts'
import { systemClock } from '../../src/system/clock.ts'
import { temporaryDir } from './helpers/temporary.ts'

const dir = temporaryDir()
let files = 0
const freshLog = (path = join(dir, `${++files}.ndjson`)) => openEventLog(path, 'test', systemClock)
const say = (message: string) => ({ kind: 'log', level: 'info', message }) as const
const numbers = (path: string) =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => eventSchema.parse(JSON.parse(line)).seq)

async function read(path: string, since = 0): Promise<number[]> {
  const seen: number[] = []
  for await (const { seq } of followEvents(path, { since, signal: new AbortController().signal }))
    seen.push(seq)
  return seen
}

test('events are numbered from 1 without gaps', () => {
  const log = freshLog()
  for (let i = 0; i < 5; i += 1) log.append(say(`${i}`))
  log.close()
  assert.equal(numbers(log.path), [1, 2, 3, 4, 5])
})

test('a log that is opened again goes on counting', () => {
  const first = freshLog()
  first.append(say('a'))
  first.append(say('b'))
  first.close()
  const second = freshLog(first.path)
  assert.is(second.last, 2)
  second.append(say('c'))
  second.close()
  assert.equal(numbers(first.path), [1, 2, 3])
})

test('a log that was cut off in the middle of a line loses that line only', () => {
  const first = freshLog()
  for (const message of ['a', 'b', 'c']) first.append(say(message))
  first.close()
  truncateSync(first.path, statSync(first.path).size - 5)
  const second = freshLog(first.path)
  second.append(say('d'))
  second.close()
  assert.equal(numbers(first.path), [1, 2, 3])
  assert.match(readFileSync(first.path, 'utf8'), '"d"')
})

test('property: whatever a log is cut to, it goes on without a gap', () => {
  const whole = freshLog()
  for (let i = 0; i < 20; i += 1) whole.append(say('x'.repeat(i)))
  whole.close()
  const bytes = readFileSync(whole.path)
  fc.assert(
    fc.property(fc.integer({ min: 0, max: bytes.length }), (size) => {
      const path = join(dir, `cut-${++files}.ndjson`)
      appendFileSync(path, bytes.subarray(0, size))
      const log = openEventLog(path, 'test', systemClock)
      log.append(say('more'))
      log.close()
      const seen = numbers(path)
      assert.equal(
        seen,
        seen.map((_, i) => i + 1),
      )
    }),
  )
})

test('reading from a number on', async () => {
  const log = freshLog()
  for (let i = 0; i < 10; i += 1) log.append(say(`${i}`))
  assert.equal(await read(log.path, 7), [8, 9, 10])
  assert.equal(await read(log.path, 10), [])
  log.close()
})

test('lines longer than one read, and characters of several bytes', async () => {
  const log = freshLog()
  const long = 'ä€'.repeat(200_000)
  log.append(say(long))
  log.append(say('end'))
  log.close()
  assert.equal(await read(log.path), [1, 2])
  for await (const { line } of followEvents(log.path, { since: 0, signal: new AbortController().signal })) {
    assert.is(JSON.parse(line).message, long)
    break
  }
})

test('following: what is there, then what comes, until the signal', async () => {
  const log = freshLog()
  log.append(say('before'))
  const stop = new AbortController()
  const seen: number[] = []
  const done = (async () => {
    for await (const { seq } of followEvents(log.path, { since: 0, watch: log.watch, signal: stop.signal })) {
      seen.push(seq)
      if (seq < 1000) log.append(say('after'))
      else stop.abort()
    }
  })()
  await done
  assert.is(seen.length, 1000)
  assert.equal(
    seen,
    seen.map((_, i) => i + 1),
  )
  log.close()
})

test('the number of a line', () => {
  assert.is(sequenceNumber('{"seq":12,"time":""}'), 12)
  assert.is(sequenceNumber('{"time":"","seq":12}'), undefined)
  assert.is(sequenceNumber(''), undefined)
})

test.run()
