import { once } from 'node:events'
import { truncateSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocketServer } from 'ws'
import { InputError, type SpeedisoError } from '../../src/errors.ts'
import { liveUrl, readEvent, readLive } from '../../src/live/client.ts'
import { explainFailure, explainStatus, NotALogError, UnreachableError } from '../../src/live/failure.ts'
import { type FollowLiveOptions, followLive } from '../../src/live/follow.ts'
import { freshDir, HELLO, numbers, startLog, TOKEN } from './helpers/live.ts'
import { jobEnd, log, startLiveProcess } from './helpers/live-process.ts'

test('addresses as people write them', () => {
  const is = (text: string, href: string) => assert.is(liveUrl(text, 3).href, href)
  is('10.0.0.5', 'ws://10.0.0.5:7373/events?since=3')
  is('10.0.0.5:80', 'ws://10.0.0.5/events?since=3')
  is('host.example:7373/#token=t', 'ws://host.example:7373/events?token=t&since=3')
  is('fe80::1', 'ws://[fe80::1]:7373/events?since=3')
  is('[fe80::1]:99', 'ws://[fe80::1]:99/events?since=3')
  is('ws://h:1/?token=t', 'ws://h:1/events?token=t&since=3')
  is('http://h:1/#token=a+b', 'ws://h:1/events?token=a%2Bb&since=3')
  is('http://h:1/events?token=t&since=9', 'ws://h:1/events?token=t&since=3')
  is('https://h/behind/a/proxy/#token=t', 'wss://h/behind/a/proxy/events?token=t&since=3')
  const pin = 'AB'.repeat(32)
  const colons = Array(32).fill('AB').join(':')
  is(
    `wss://h:1/#token=t&fingerprint=${pin.toLowerCase()}`,
    `wss://h:1/events?token=t&since=3#fingerprint=${colons}`,
  )
  assert.is(liveUrl('https://h:1', 0, pin).hash, `#fingerprint=${colons}`)
  for (const bad of ['', 'ftp://h/', 'http://', 'a b', 'http://h:99999/', '#token=t'])
    assert.throws(() => liveUrl(bad, 0), /is no address of a live log/, bad)
  assert.throws(() => liveUrl('https://h#fingerprint=AB', 0), /is no SHA-256 fingerprint/)
  try {
    liveUrl('ftp://h/?token=secret', 0)
  } catch (error) {
    assert.not.match(String(error), 'secret')
  }
})

/** Why there is no log at that address. */
async function whyNot(url: URL, limit?: number): Promise<SpeedisoError> {
  const notice = () => {}
  const options = { signal: AbortSignal.timeout(10_000), wait: false, notice }
  try {
    for await (const _ of followLive(url, limit === undefined ? options : { ...options, limit })) break
  } catch (error) {
    return error as SpeedisoError
  }
  throw new Error('it was let in')
}

async function listening(server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}

const at = (port: number, scheme = 'http') => liveUrl(`${scheme}://127.0.0.1:${port}/#token=${TOKEN}`, 0)

test('each failure is told apart', async () => {
  await using live = await startLog({ limits: { viewers: 1 } })
  const { port } = live.server
  const wrong = await whyNot(live.url(0, 'wrong'))
  assert.instance(wrong, InputError)
  assert.match(wrong.message, /^http:\/\/127\.0\.0\.1:\d+: wrong token$/)

  const noHost = await whyNot(liveUrl('http://no-such-host.invalid:7373/', 0))
  assert.instance(noHost, UnreachableError)
  assert.match(noHost.message, /no such host|the name server does not answer/)

  const tls = await whyNot(at(port, 'https'))
  assert.instance(tls, NotALogError)
  assert.match(tls.message, 'does not speak TLS there')

  const first = readLive(live.url(), AbortSignal.timeout(10_000))
  await first.next()
  const full = await whyNot(live.url())
  assert.instance(full, UnreachableError)
  assert.match(full.message, 'as many viewers as there may be')
  await first.return(undefined)

  const gone = createServer()
  const freePort = await listening(gone)
  gone.close()
  const refused = await whyNot(at(freePort))
  assert.instance(refused, UnreachableError)
  assert.match(refused.message, 'connection refused')
  assert.match(refused.hint ?? '', 'is the machine up')
})

test('what is no live log is told from a live log that is away', async () => {
  const answering = async (what: (socket: Socket) => void, limit?: number) => {
    await using server = createServer((socket) => {
      socket.on('error', () => {})
      what(socket)
    })
    const open = new Set<Socket>()
    server.on('connection', (socket) => open.add(socket))
    try {
      return await whyNot(at(await listening(server)), limit)
    } finally {
      for (const socket of open) socket.destroy()
    }
  }
  const ssh = await answering((socket) => socket.write('SSH-2.0-OpenSSH_9.9\r\n'))
  assert.instance(ssh, NotALogError)
  assert.match(ssh.message, 'is no live log of speediso')

  const silent = await answering(() => {}, 200)
  assert.instance(silent, UnreachableError)
  assert.match(silent.message, 'no answer within 0.2 s')

  const closing = await answering((socket) => socket.destroy())
  assert.instance(closing, UnreachableError)
  assert.match(closing.message, 'closed the connection at once')

  await using web = createHttpServer((_, response) => response.writeHead(404).end())
  const page = await whyNot(at(await listening(web)))
  assert.instance(page, NotALogError)
  assert.match(page.message, 'it answers 404')

  await using other = createHttpServer()
  const sockets = new WebSocketServer({ server: other })
  sockets.on('connection', (socket) => socket.send('{"welcome":true}'))
  const chat = await whyNot(at(await listening(other)))
  assert.instance(chat, NotALogError)
  assert.match(chat.message, 'its first word is no hello')
  for (const client of sockets.clients) client.terminate()
})

test('codes that no test can bring about have their words too', () => {
  for (const [code, words] of [
    ['ETIMEDOUT', 'no answer in time'],
    ['EHOSTUNREACH', 'no route to that host'],
    ['EAI_AGAIN', 'the name server does not answer'],
  ] as const) {
    const error = explainFailure('http://h', Object.assign(new Error(), { code }))
    assert.instance(error, UnreachableError)
    assert.match(error.message, words)
  }
  assert.match(explainStatus('http://h', 403).message, '403')
  assert.match(explainFailure('http://h', new Error('odd')).message, 'is no live log of speediso (odd)')
})

/** Follows a log and keeps what it says; ends after `job.end` as a caller does. */
async function follow(url: URL, options: Partial<FollowLiveOptions> & { until?: number } = {}) {
  const seen: number[] = []
  const notices: string[] = []
  const following: FollowLiveOptions = {
    signal: AbortSignal.timeout(30_000),
    wait: false,
    notice: (message) => notices.push(message),
    quickest: 20,
    slowest: 100,
    ...options,
  }
  for await (const message of followLive(url, following)) {
    if ('hello' in message) continue
    seen.push(message.event.seq)
    if (message.event.seq === options.until) break
  }
  return { seen, notices }
}

test('the goodbye after job.end ends it', async () => {
  const live = await startLog()
  live.sayMany(3)
  live.log.append(jobEnd('passed'))
  const done = follow(live.url())
  setTimeout(() => void live[Symbol.asyncDispose](), 200)
  assert.equal(await done, { seen: [1, 2, 3, 4], notices: [] })
})

test('a server that is killed and started again with the same file: the log goes on without gap or repetition', async () => {
  const dir = freshDir()
  let server = await startLiveProcess(dir)
  const { port } = server
  try {
    const done = follow(at(port), { until: 40 })
    for (const signal of ['SIGKILL', 'SIGTERM', 'SIGKILL'] as const) {
      server.append(...Array(10).fill(log('x')))
      await new Promise((resolve) => setTimeout(resolve, 150))
      await server.end(signal)
      server = await startLiveProcess(dir, port)
    }
    server.append(...Array(9).fill(log('x')), jobEnd('passed'))
    const { seen, notices } = await done
    assert.equal(seen, numbers(1, 40))
    assert.is(
      notices.filter((text) => text.includes('trying to go on after event')).length,
      3,
      notices.join('\n'),
    )
    assert.is(notices.filter((text) => text.includes('connected again')).length, 3, notices.join('\n'))
    assert.match(notices[0] ?? '', /connection lost \(code 1006\); trying to go on after event 10$/)
  } finally {
    await server[Symbol.asyncDispose]()
  }
})

test('after a loss it asks for what it has not seen, and takes nothing twice', async () => {
  await using http = createHttpServer()
  const sockets = new WebSocketServer({ server: http })
  const asked: (string | null)[] = []
  const event = (seq: number) =>
    JSON.stringify({ seq, time: '2026-01-01T00:00:00.000Z', host: 'h', ...log('x') })
  sockets.on('connection', (socket, request) => {
    asked.push(new URL(request.url ?? '', 'http://h').searchParams.get('since'))
    socket.send(JSON.stringify({ ...HELLO, last: 4 }))
    if (asked.length === 1) {
      socket.send(`${event(1)}\n${event(2)}\n`)
      socket.send(event(3), () => socket.terminate())
    } else socket.send([2, 3, 4].map(event).join('\n'))
  })
  const { seen } = await follow(at(await listening(http)), { until: 4 })
  assert.equal({ seen, asked }, { seen: [1, 2, 3, 4], asked: ['0', '3'] })
  for (const client of sockets.clients) client.terminate()
})

test('a host that was booted anew: said so, and its log from the first event', async () => {
  let server = await startLiveProcess(freshDir())
  const { port } = server
  try {
    server.append(log('a'), log('b'), log('c'))
    const done = follow(at(port), { until: 5 })
    await new Promise((resolve) => setTimeout(resolve, 300))
    await server.end('SIGKILL')
    server = await startLiveProcess(freshDir(), port, 'boot-2')
    server.append(...Array(5).fill(log('x')))
    const { seen, notices } = await done
    assert.equal(seen, [1, 2, 3, 1, 2, 3, 4, 5])
    assert.is(notices.filter((text) => text.includes('booted anew')).length, 1, notices.join('\n'))
  } finally {
    await server[Symbol.asyncDispose]()
  }
})

test('events that the host has lost are named', async () => {
  await using live = await startLog()
  live.sayMany(10)
  truncateSync(live.log.path, 0)
  live.sayMany(1)
  const { seen, notices } = await follow(live.url(), { until: 11 })
  assert.equal(seen, [11])
  assert.equal(notices, ['events 1 to 10 are lost: the event file of the host was damaged'])
})

test('asked for more than there is: said, and what is new is shown', async () => {
  await using live = await startLog()
  live.sayMany(3)
  const done = follow(live.url(50), { until: 4 })
  setTimeout(() => live.say('new'), 200)
  assert.equal(await done, {
    seen: [4],
    notices: ['the log holds 3 events and not 50; what follows is what is new'],
  })
})

test('told to wait, it keeps trying from the beginning; not told, it fails at once', async () => {
  const free = createServer()
  const port = await listening(free)
  await new Promise((resolve) => free.close(resolve))
  assert.match((await whyNot(at(port))).message, 'connection refused')
  const done = follow(at(port), { wait: true, until: 1 })
  await new Promise((resolve) => setTimeout(resolve, 300))
  await using live = await startLog({ port })
  live.say('at last')
  const { seen, notices } = await done
  assert.equal(seen, [1])
  assert.is(notices.length, 1, 'each reason once')
  assert.match(notices[0] ?? '', /connection refused; trying again$/)
})

test('told to wait, it gives up on a wrong token all the same', async () => {
  await using live = await startLog()
  await follow(live.url(0, 'wrong'), { wait: true }).then(
    () => assert.unreachable(),
    (error) => assert.match(error.message, 'wrong token'),
  )
})

test('a log that is lost for good is given up after its time', async () => {
  const live = await startLog()
  const done = follow(live.url(), { patience: 300 })
  setTimeout(() => void live[Symbol.asyncDispose](), 100)
  await done.then(
    () => assert.unreachable(),
    (error) => {
      assert.instance(error, UnreachableError)
      assert.match(error.message, 'lost, and not found again within')
    },
  )
})

test('a server from which nothing comes any more, not even a ping, counts as lost', async () => {
  await using live = await startLog({ limits: { ping: 60_000 } })
  const { notices } = await follow(live.url(), { silence: 200, signal: AbortSignal.timeout(700) })
  assert.match(notices[0] ?? '', 'silent for 0.2 s')
  await using pinging = await startLog({ limits: { ping: 50 } })
  const quiet = await follow(pinging.url(), { silence: 200, signal: AbortSignal.timeout(700) })
  assert.equal(quiet.notices, [])
})

test('a reader that is slow makes the server wait, and gets everything', async () => {
  await using live = await startLog()
  live.sayMany(60_000, 'x'.repeat(200))
  const seen: number[] = []
  for await (const message of readLive(live.url(), AbortSignal.timeout(20_000))) {
    if ('hello' in message) continue
    seen.push(message.event.seq)
    if (seen.length % 10_000 === 1) await new Promise((resolve) => setTimeout(resolve, 50))
    if (seen.length === 60_000) break
  }
  assert.equal(seen, numbers(1, 60_000))
})

test('an event of a kind that a newer speediso has is a line of the log; what is none is left out', () => {
  const stamp = { seq: 1, time: '2026-01-01T00:00:00.000Z', host: HELLO.host }
  assert.is(readEvent(JSON.stringify({ ...stamp, kind: 'log', level: 'info', message: 'm' }))?.kind, 'log')
  const newer = readEvent(JSON.stringify({ ...stamp, kind: 'weather', sky: 'blue' }))
  assert.is(
    newer?.kind === 'log' && newer.message,
    'weather: an event that this version of speediso does not know',
  )
  assert.is(readEvent('half of'), undefined)
  assert.is(readEvent('{"seq":"x"}'), undefined)
})

test.run()
