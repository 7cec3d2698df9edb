import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createRedactor, secretsOfJob } from '../../src/runtime/deliver/redact.ts'
import { advance, NOTHING_YET } from '../../src/runtime/deliver/view.ts'
import { createVoice } from '../../src/runtime/deliver/voice.ts'
import { watchEvents } from '../../src/runtime/deliver/watch.ts'
import { openEventLog } from '../../src/runtime/event-log.ts'
import type { Event } from '../../src/runtime/events.ts'
import { systemClock } from '../../src/system/clock.ts'
import { jobOf } from './helpers/deliver.ts'
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

test('the secrets of a job: its own fields, and what stands in its URLs', () => {
  const job = jobOf(
    'speediso.report.token=token-number-1 speediso.log.token=token-number-2 speediso.foreman.token=token-number-3',
  )
  job.report.url = 'https://user:p%40ss@h/x?key=query-1'
  job.file.url = 'https://bare-user@h/'
  job.tasks.push({ name: 't', options: { from: [{ url: 'ftp://u:deep-pass@h/' }] }, timeout: 1 })
  const secrets = new Set(secretsOfJob(job))
  for (const secret of [
    'token-number-1',
    'token-number-2',
    'token-number-3',
    'user:p@ss',
    'p@ss',
    'query-1',
    'bare-user',
    'deep-pass',
  ])
    assert.ok(secrets.has(secret), secret)
  assert.equal(secretsOfJob(jobOf('speediso.report=https://h/')), [])
})

test('secrets go in every way of writing them, the longer before the shorter', () => {
  const { text } = createRedactor(['token', 'token-and-more', 'a b"c/é', 'p%40ss', '***', 'abc', '\ud800bad'])
  assert.is(text('token token-and-more'), '*** ***')
  assert.is(text(JSON.stringify({ x: 'a b"c/é' })), '{"x":"***"}')
  assert.is(text('?q=a%20b%22c%2F%C3%A9&r=a+b%22c%2f%c3%a9'), '?q=***&r=***')
  const url = new URL('http://h/')
  url.password = 'a b"c/é'
  assert.is(text(url.href), 'http://:***@h/')
  assert.is(text(`Basic ${Buffer.from('a b"c/é').toString('base64')}`), 'Basic ***')
  assert.is(text('p%40ss p@ss'), '*** ***', 'as it was written, and as it is meant')
  assert.is(text('abc YWJj'), 'abc YWJj', 'three letters stand in half of all words')
  assert.is(text('*** .*'), '*** .*')
})

test('JSON stays JSON, whatever the secret is', () => {
  const { json } = createRedactor(['1024', 'true', 'n1234', 'name', 'x"y\\z'])
  assert.is(
    json('{"name":1024,"size":10240,"rm":true,"t":"\\n1234","u":"x\\"y\\\\z","none":null}'),
    '{"***":"***","size":10240,"rm":"***","t":"\\n1234","u":"***","none":null}',
  )
  assert.is(json('{"cut":"1024'), '{"cut":"***')
  assert.is(createRedactor([]).json('{ "a": 1 }'), '{ "a": 1 }')
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

test('a damaged line ends nothing, and a file that was cut off holds up nobody', async () => {
  const path = join(temporaryDir(), 'events.ndjson')
  const log = openEventLog(path, 'h', systemClock)
  const say = (message: string) => log.append({ kind: 'log', level: 'info', message })
  const seen: string[] = []
  const end = new AbortController()
  const take = (event: Event) => seen.push(event.kind === 'log' ? event.message : event.kind)
  const watching = watchEvents(log, take, end.signal, 300)
  say('a')
  say('bad')
  say('b')
  // Its number is still there, and it is as long as it was.
  writeFileSync(path, readFileSync(path, 'utf8').replace('"message":"bad"', '"message";"bad"'))
  await watching.caughtUp()
  assert.equal(seen, ['a', 'b'])
  // In one go: what was not read yet is lost.
  say('c')
  truncateSync(path)
  await watching.caughtUp()
  say('d')
  await watching.caughtUp()
  assert.is(seen.at(-1), 'd')
  end.abort()
  await watching.done
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
