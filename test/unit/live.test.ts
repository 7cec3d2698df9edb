import { once } from 'node:events'
import { appendFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { InputError } from '../../src/errors.ts'
import { startLiveServer } from '../../src/live/server.ts'
import { askRaw, freshDir, HELLO, numbers, openViewer, seqOf, startLog, TOKEN, view } from './helpers/live.ts'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')
/** Bytes of all buffers that are still of use. */
function bytesHeld(): number {
  collect()
  return process.memoryUsage().arrayBuffers
}
/** Whether no more than that many bytes stay beyond what was held: V8 gives buffers back a while after it has collected them. */
async function staysBelow(bytes: number, held: number): Promise<boolean> {
  for (let i = 0; i < 100; i += 1) {
    if (bytesHeld() - held < bytes) return true
    await sleep(20)
  }
  return false
}

test('a viewer gets hello, all that was, and all that comes', async () => {
  await using live = await startLog()
  live.sayMany(3)
  using viewer = await openViewer(live.url())
  assert.equal(viewer.hello, { ...HELLO, last: 3 })
  for (let i = 0; i < 3; i += 1) setTimeout(() => live.say('later'), 20)
  await viewer.until((lines) => lines.length === 6)
  assert.equal(viewer.lines.map(seqOf), numbers(1, 6))
})

test('a viewer that comes back gets what it has not seen, and no more', async () => {
  await using live = await startLog()
  live.sayMany(5000)
  assert.equal(await view(live.url(4997), 5000), [4998, 4999, 5000])
  assert.equal(await view(live.url(0), 5000), numbers(1, 5000))
})

test('a viewer that has seen more than there is learns it from the hello, and gets what is new', async () => {
  await using live = await startLog()
  live.sayMany(3)
  using viewer = await openViewer(live.url(100))
  assert.is(viewer.hello.last, 3)
  live.say('new')
  await viewer.until((lines) => lines.length > 0)
  assert.equal(viewer.lines.map(seqOf), [4])
})

test('viewers that come at any time, in a flood, each get every event once', async () => {
  await using live = await startLog()
  const total = 20_000
  const views: Promise<number[]>[] = []
  for (let i = 1; i <= total; i += 1) {
    live.say('x'.repeat(i % 300))
    if (i % 1000 === 0) {
      views.push(view(live.url(i / 2), total))
      await sleep(5)
    }
  }
  for (const [i, seen] of (await Promise.all(views)).entries()) {
    assert.equal(seen, numbers((i + 1) * 500 + 1, total))
  }
})

test('a long line goes whole', async () => {
  await using live = await startLog()
  const message = 'ä€'.repeat(400_000)
  live.say(message)
  using viewer = await openViewer(live.url())
  live.say(message)
  await viewer.until((lines) => lines.length === 2)
  assert.equal(
    viewer.lines.map((line) => JSON.parse(line).message),
    [message, message],
  )
})

test('a viewer that does not read costs others nothing, and gets all in the end', async () => {
  await using live = await startLog()
  const socket = await askRaw(live.server.port)
  await once(socket, 'readable')
  const memory = bytesHeld()
  live.sayMany(2000, 'x'.repeat(20_000))
  assert.is((await view(live.url(), 2000)).length, 2000)
  assert.ok(await staysBelow(20e6, memory), 'what it did not read is not kept for it')
  let bytes = 0
  socket.on('data', (chunk) => {
    bytes += chunk.length
    if (bytes > 40e6) socket.destroy()
  })
  await once(socket, 'close')
  assert.ok(bytes > 40e6)
})

test('a viewer that falls behind the tail goes on from the file, and comes back to the tail', async () => {
  await using live = await startLog()
  using slow = await openViewer(live.url())
  using other = await openViewer(live.url())
  live.sayMany(10)
  await slow.until((lines) => lines.length === 10)
  let total = 10
  for (let round = 0; round < 2; round += 1) {
    slow.socket.pause()
    const memory = bytesHeld()
    for (let i = 0; i < 100; i += 1) {
      live.sayMany(20, 'x'.repeat(20_000))
      await sleep(5)
    }
    total += 2000
    await other.until((lines) => lines.length === total)
    assert.ok(await staysBelow(20e6, memory), 'what it does not take is not kept for it')
    slow.socket.resume()
    await slow.until((lines) => lines.length >= total)
    live.sayMany(10)
    total += 10
    await slow.until((lines) => lines.length >= total)
    assert.equal(slow.lines.map(seqOf), numbers(1, total))
    assert.equal(other.lines.map(seqOf), numbers(1, total))
  }
})

test('when the log ends, viewers get all of it and a goodbye', async () => {
  const live = await startLog()
  using ahead = await openViewer(live.url())
  live.sayMany(3000, 'x'.repeat(500))
  using behind = await openViewer(live.url())
  live.say('the last word')
  await live[Symbol.asyncDispose]()
  for (const viewer of [ahead, behind]) {
    assert.equal(await viewer.closed, { code: 1001, reason: 'the log ends here' })
    assert.equal(viewer.lines.map(seqOf), numbers(1, 3001))
  }
})

test('a file that is cut while it is served: whole lines only, nothing twice, and what is appended arrives', async () => {
  for (const keep of [0, 0.5, 0.999]) {
    await using live = await startLog()
    live.sayMany(100, 'x'.repeat(100))
    using ahead = await openViewer(live.url())
    await ahead.until((lines) => lines.length === 100)
    truncateSync(live.log.path, Math.floor(statSync(live.log.path).size * keep))
    const left = readFileSync(live.log.path, 'utf8').split('\n').length - 1
    live.sayMany(10)
    await ahead.until((lines) => seqOf(lines.at(-1) ?? '') >= 110)
    // The warning is an event itself.
    await ahead.until((lines) => lines.length === 111)
    assert.equal(ahead.lines.map(seqOf), numbers(1, 111), 'who had seen all misses nothing')
    assert.match(ahead.lines[110] ?? '', 'somebody cut or changed the event file')
    assert.equal(
      await view(live.url(), 111),
      [...numbers(1, left), ...numbers(101, 111)],
      'others what is left',
    )
    assert.equal(await view(live.url(80), 111), [...numbers(81, left), ...numbers(101, 111)])
  }
})

test('a file with holes and foreign lines in it gives what is whole', async () => {
  await using live = await startLog()
  live.sayMany(3)
  appendFileSync(live.log.path, `not an event\n\0\0\0${'{"seq":2,"half":'}`)
  live.sayMany(3)
  assert.equal(await view(live.url(), 6), numbers(1, 6))
})

test('a server that is started again with the same file goes on with it', async () => {
  const dir = freshDir()
  const first = await startLog({}, dir)
  first.sayMany(5)
  await first[Symbol.asyncDispose]()
  await using second = await startLog({}, dir)
  second.say('after')
  assert.equal(await view(second.url(3), 6), [4, 5, 6])
})

test('the report, once there is one, for who has the token', async () => {
  await using live = await startLog()
  const url = `http://127.0.0.1:${live.server.port}/report`
  assert.is((await fetch(url)).status, 401)
  const headers = { authorization: `Bearer ${TOKEN}` }
  assert.is((await fetch(url, { headers })).status, 404)
  writeFileSync(live.options.report, '{"verdict":"passed"}')
  const answer = await fetch(url, { headers })
  assert.is(answer.headers.get('content-type'), 'application/json; charset=utf-8')
  assert.is(answer.headers.get('cache-control'), 'no-store')
  assert.equal(await answer.json(), { verdict: 'passed' })
  assert.is((await fetch(`${url}?token=${TOKEN}`)).status, 200)
  assert.is((await fetch(url, { headers, method: 'POST' })).status, 405)
  assert.is((await fetch(`http://127.0.0.1:${live.server.port}/elsewhere`)).status, 404)
})

test('the page, for everybody, guarded; without one the words where to look', async () => {
  const page = { html: '<!doctype html><title>ä</title>', csp: "default-src 'none'" }
  await using live = await startLog({ page })
  const url = `http://127.0.0.1:${live.server.port}/`
  const answer = await fetch(url)
  assert.is(answer.status, 200)
  assert.is(await answer.text(), page.html)
  assert.equal(
    ['content-type', 'content-security-policy', 'x-content-type-options', 'referrer-policy'].map((name) =>
      answer.headers.get(name),
    ),
    ['text/html; charset=utf-8', page.csp, 'nosniff', 'no-referrer'],
  )
  assert.equal(
    [answer.headers.get('x-frame-options'), answer.headers.get('cache-control')],
    ['DENY', 'no-store'],
  )
  const head = await fetch(url, { method: 'HEAD' })
  assert.equal([head.status, await head.text()], [200, ''])

  await using bare = await startLog()
  const none = await fetch(`http://127.0.0.1:${bare.server.port}/`)
  assert.is(none.status, 404)
  assert.match(await none.text(), '/report')
})

test('a port that is taken is bad input that says so', async () => {
  await using live = await startLog()
  try {
    await startLiveServer({ ...live.options, port: live.server.port })
    assert.unreachable()
  } catch (error) {
    assert.instance(error, InputError)
    assert.match((error as Error).message, `cannot listen on 127.0.0.1:${live.server.port}`)
  }
})

test.run()
