import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { makeCertificate } from '../../src/live/certificate.ts'
import { liveUrl, readLive } from '../../src/live/client.ts'
import { createExec } from '../../src/system/exec.ts'
import { askRaw, numbers, openViewer, readAll, seqOf, startLog, TOKEN, view } from './helpers/live.ts'

const dial = async (port: number): Promise<Socket> => {
  const socket = connect(port, '127.0.0.1')
  // Being shown out is what these tests are about.
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

/** Status of the answer to a request for the websocket. */
async function statusOf(url: URL, headers: Record<string, string> = {}): Promise<number> {
  try {
    using _ = await openViewer(url, { headers })
    return 101
  } catch (error) {
    return Number(/Unexpected server response: (\d+)/.exec(String(error))?.[1])
  }
}

test('a viewer that does not take what waits for it is dropped, told so, and resumes without a gap', async () => {
  await using live = await startLog({ limits: { drain: 300 } })
  const total = 2000
  live.sayMany(total, 'x'.repeat(20_000))
  using slow = await openViewer(live.url())
  slow.socket.pause()
  using other = await openViewer(live.url())
  await other.until((lines) => lines.length === total)
  await sleep(600)
  slow.socket.resume()
  const { code, reason } = await slow.closed
  assert.is(code, 1013)
  assert.is(reason, 'nothing was read for 0.3 s; come back with since=NUMBER of your last event')
  assert.ok(slow.lines.length < total, 'what it did not take was not kept for it')
  const seen = slow.lines.map(seqOf)
  const rest = await view(live.url(seen.at(-1)), total)
  assert.equal([...seen, ...rest], numbers(1, total))
})

test('a viewer that takes its time, but less than the limit, stays', async () => {
  await using live = await startLog({ limits: { drain: 2000 } })
  live.sayMany(2000, 'x'.repeat(20_000))
  using viewer = await openViewer(live.url())
  for (let i = 0; i < 5; i += 1) {
    viewer.socket.pause()
    await sleep(100)
    viewer.socket.resume()
    await sleep(10)
  }
  await viewer.until((lines) => lines.length === 2000)
  assert.is(viewer.socket.readyState, viewer.socket.OPEN)
})

test('a viewer that does not answer a ping is dropped; one that does stays', async () => {
  await using live = await startLog({ limits: { ping: 100 } })
  using deaf = await openViewer(live.url(), { autoPong: false })
  using alive = await openViewer(live.url())
  assert.equal(await deaf.closed, {
    code: 1013,
    reason: 'no answer to a ping; come back with since=NUMBER of your last event',
  })
  await sleep(500)
  assert.is(alive.socket.readyState, alive.socket.OPEN)
  live.say('still here')
  await alive.until((lines) => lines.length === 1)
})

test('slow loris: who does not get its request out in time is cut off, and keeps nobody out', async () => {
  await using live = await startLog({ limits: { request: 400 } })
  const silent = await dial(live.server.port)
  const dripping = await dial(live.server.port)
  dripping.write('GET /report HTTP/1.1\r\n')
  const drip = setInterval(() => dripping.write('X-A: b\r\n'), 50)
  assert.is(await statusOf(live.url()), 101, 'while they hold on')
  assert.match(await readAll(dripping), /^HTTP\/1\.1 408 /)
  assert.match(await readAll(silent), /^(HTTP\/1\.1 408 .*)?$/s)
  clearInterval(drip)
})

test('slow loris with TLS: who does not shake hands in time is cut off', async () => {
  const tls = await makeCertificate(createExec(), { hostname: 'h', addresses: [] })
  await using live = await startLog({ tls, limits: { request: 400 } })
  const url = `https://127.0.0.1:${live.server.port}/#token=${TOKEN}&fingerprint=${tls.fingerprint}`
  const silent = await dial(live.server.port)
  const messages = readLive(liveUrl(url, 0), AbortSignal.timeout(10_000))
  assert.ok('hello' in ((await messages.next()).value ?? {}), 'others are served meanwhile')
  await messages.return(undefined)
  assert.is(await readAll(silent), '')
})

test('of connections that ask for nothing the oldest give way; one that has asked does not', async () => {
  await using live = await startLog({ limits: { halfOpen: 5, patience: 100 } })
  using viewer = await openViewer(live.url())
  const silent: Socket[] = []
  for (let i = 0; i < 8; i += 1) silent.push(await dial(live.server.port))
  const closed = () => silent.map((socket) => socket.closed)
  assert.is(closed().filter(Boolean).length, 0, 'they may just have come')
  await sleep(150)
  assert.is(await statusOf(live.url()), 101)
  await Promise.all(silent.slice(0, 4).map((socket) => socket.closed || once(socket, 'close')))
  assert.equal(closed(), [true, true, true, true, false, false, false, false])
  live.say('and the viewer is still there')
  await viewer.until((lines) => lines.length === 1)
  for (const socket of silent) socket.destroy()
})

test('a head of a request that is too large is refused', async () => {
  await using live = await startLog()
  const socket = await dial(live.server.port)
  socket.write(`GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'a'.repeat(20_000)}\r\n\r\n`)
  assert.match(await readAll(socket), /^HTTP\/1\.1 431 /)
})

test('a connection is for one answer', async () => {
  await using live = await startLog()
  const socket = await dial(live.server.port)
  socket.write('GET /a HTTP/1.1\r\nHost: x\r\n\r\n')
  assert.match(await readAll(socket), /^HTTP\/1\.1 404 .*connection: close/is)
})

test('one viewer more than there may be is refused in plain words; when one leaves there is room', async () => {
  await using live = await startLog({ limits: { viewers: 3 } })
  const viewers = await Promise.all([1, 2, 3].map(() => openViewer(live.url())))
  const answer = await readAll(await askRaw(live.server.port))
  assert.match(answer, /^HTTP\/1\.1 503 Service Unavailable\r\n/)
  assert.match(answer, '\r\n\r\nAs many viewers as there may be are watching already\n')
  assert.is(await statusOf(live.url()), 503)
  viewers[0]?.socket.close()
  await viewers[0]?.closed
  assert.is(await statusOf(live.url()), 101)
  for (const viewer of viewers) viewer[Symbol.dispose]()
})

test('by default 256 viewers are let in, and the 257th is not', async () => {
  await using live = await startLog()
  const viewers = await Promise.all(numbers(1, 256).map(() => openViewer(live.url())))
  assert.is(await statusOf(live.url()), 503)
  live.sayMany(10)
  await Promise.all(viewers.map((viewer) => viewer.until((lines) => lines.length === 10)))
  for (const viewer of viewers) viewer[Symbol.dispose]()
})

test('only a page of this very server may ask; a program that names no page may', async () => {
  await using live = await startLog()
  const { port } = live.server
  const own = `http://127.0.0.1:${port}`
  const report = (origin: string) =>
    fetch(`${own}/report?token=${TOKEN}`, { headers: { origin } }).then(({ status }) => status)
  assert.is(await statusOf(live.url()), 101)
  assert.is(await statusOf(live.url(), { origin: own }), 101)
  assert.is(await report(own), 404, 'let in; there is no report')
  for (const origin of [`http://127.0.0.1:${port + 1}`, `http://evil.example:${port}`, 'null', 'file://']) {
    assert.is(await statusOf(live.url(), { origin }), 403, origin)
    assert.is(await report(origin), 403, origin)
  }
})

test('a wrong token, or none, is refused', async () => {
  await using live = await startLog()
  for (const token of ['wrong', '', `${TOKEN}x`, TOKEN.slice(1)]) {
    assert.is(await statusOf(live.url(0, token)), 401, token)
  }
  const bare = live.url()
  bare.searchParams.delete('token')
  assert.is(await statusOf(bare), 401)
  assert.is(await statusOf(bare, { authorization: `Bearer ${TOKEN}` }), 101)
})

test('what is no request for the log is refused', async () => {
  await using live = await startLog()
  const odd = live.url()
  odd.searchParams.set('since', '-1')
  assert.is(await statusOf(odd), 400)
  odd.pathname = '/elsewhere'
  assert.is(await statusOf(odd), 404)
})

test('a viewer that speaks is shown out: the log is read only', async () => {
  await using live = await startLog()
  using viewer = await openViewer(live.url())
  viewer.socket.send('reboot')
  assert.equal(await viewer.closed, { code: 1008, reason: 'this log is read only' })
  using long = await openViewer(live.url())
  long.socket.send('x'.repeat(2000))
  assert.is((await long.closed).code, 1009, 'too long to be taken in at all')
})

test.run()
