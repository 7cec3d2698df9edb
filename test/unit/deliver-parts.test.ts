import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createRedactor, hiddenIn, hiddenInText } from '../../src/runtime/deliver/redact.ts'
import { advance, NOTHING_YET } from '../../src/runtime/deliver/view.ts'
import { createVoice } from '../../src/runtime/deliver/voice.ts'
import { watchEvents } from '../../src/runtime/deliver/watch.ts'
import { openEventLog } from '../../src/runtime/event-log.ts'
import type { Event } from '../../src/runtime/events.ts'
import { systemClock } from '../../src/system/clock.ts'
import { recorder } from './helpers/tasks.ts'
import { temporaryDir } from './helpers/temporary.ts'

test('a failure that goes on is said at once, then once a minute; the clock on the wall has no part in it', () => {
  let monotonic = 0
  let wall = 0
  const { events, emit } = recorder()
  const voice = createVoice('report', { emit, clock: { now: () => wall, monotonic: () => monotonic } })
  const failAt = (seconds: number, what = 'away') => {
    monotonic = seconds * 1000
    wall -= 10 ** 9
    voice.failed(new Error(what))
  }
  for (const at of [0, 1, 30, 59]) failAt(at)
  assert.is(events.length, 1)
  failAt(60, 'answers 500')
  failAt(100)
  assert.is(events.length, 2)
  failAt(121)
  voice.accepted()
  voice.accepted()
  assert.equal(
    events.map((event) => event.kind === 'log' && event.message),
    [
      'report: away; trying again',
      'report: answers 500; trying again',
      'report: away; trying again',
      'report: accepted after 8 attempts',
    ],
  )
})

test('what is hidden in a masked copy', () => {
  const raw = {
    a: 'x',
    token: 'tok-1',
    url: 'http://u:p%40ss@h/',
    list: ['k1', 'k2'],
    none: null,
    pin: 12345,
  }
  const masked = { a: 'x', token: '***', url: 'http://***@h/', list: '***', none: null, pin: '***' }
  assert.equal(hiddenIn(raw, masked), ['tok-1', 'u:p%40ss', 'p%40ss', 'p@ss', 'k1', 'k2', '12345'])
  assert.equal(hiddenIn(raw, raw), [])
  assert.equal(hiddenInText('a=1 t=one b u=two', 'a=1 t=*** b u=***'), ['one', 'two'])
  assert.equal(hiddenInText('quite another line', 'a=1 t=***'), [], 'not a copy of it: nothing is known')
})

test('secrets go in every way of writing them, the longer before the shorter', () => {
  const redact = createRedactor(['token', 'token-and-more', 'a b"c', '***', 'abc'])
  assert.is(redact('token token-and-more'), '*** ***')
  assert.is(redact(JSON.stringify({ x: 'a b"c' })), '{"x":"***"}')
  assert.is(redact('?q=a%20b%22c'), '?q=***')
  assert.is(redact('abc'), 'abc', 'three letters stand in half of all words')
  assert.is(redact('*** .*'), '*** .*')
})

test('a watcher catches up with what is in the file, and sees nothing of before', async () => {
  const log = openEventLog(join(temporaryDir(), 'events.ndjson'), 'h', systemClock)
  const say = (count: number) => {
    for (let i = 0; i < count; i += 1) log.append({ kind: 'log', level: 'info', message: `${i}` })
  }
  say(3)
  const seen: number[] = []
  const end = new AbortController()
  const watching = watchEvents(log, ({ seq }) => seen.push(seq), end.signal)
  await watching.caughtUp()
  assert.equal(seen, [])
  say(5000)
  await watching.caughtUp()
  assert.is(seen.length, 5000)
  assert.is(seen[0], 4)
  end.abort()
  await watching.done
  await watching.caughtUp()
  log.close()
})

test('the view of a job: a failure stays one', () => {
  const stamp = { seq: 1, time: '', host: 'h' }
  const end = (verdict: 'passed' | 'failed'): Event => ({
    ...stamp,
    kind: 'task.end',
    task: 't',
    verdict,
    seconds: 1,
  })
  const failed = [end('passed'), end('failed'), end('passed')].reduce(advance, NOTHING_YET)
  assert.equal(failed, { state: 'running', verdict: 'failed' })
  const log: Event = { ...stamp, kind: 'log', level: 'info', message: 'x' }
  assert.is(advance(failed, log), failed)
})

test.run()
