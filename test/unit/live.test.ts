import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { InputError } from '../../src/errors.ts'
import { liveUrl, readLive } from '../../src/live/client.ts'
import { startLiveServer } from '../../src/live/server.ts'
import { openEventLog } from '../../src/runtime/event-log.ts'
import { systemClock } from '../../src/system/clock.ts'
import { temporaryDir } from './helpers/temporary.ts'

const TOKEN = 'right-token'
const dir = temporaryDir()
const report = join(dir, 'report.json')
const log = openEventLog(join(dir, 'events.ndjson'), 'test', systemClock)
const hello = {
  schema: 'speediso.hello/1',
  host: 'test',
  speediso: { version: '1', commit: 'c' },
  image: null,
} as const
const say = (message: string) => log.append({ kind: 'log', level: 'info', message })
const options = { address: '127.0.0.1', port: 0, token: TOKEN, hello, events: log, report }
const server = await startLiveServer(options)
const address = (token = TOKEN) => `ws://127.0.0.1:${server.port}/?token=${token}`
test.after(async () => {
  await server[Symbol.asyncDispose]()
  log.close()
})

async function view(since: number, until: number): Promise<number[]> {
  const seen: number[] = []
  for await (const message of readLive(liveUrl(address(), since), AbortSignal.timeout(10_000))) {
    if ('hello' in message) assert.equal(message.hello, hello)
    else seen.push(message.event.seq)
    if (seen.at(-1) === until) break
  }
  return seen
}

test('a viewer gets hello, all that was, and all that comes', async () => {
  for (const message of ['a', 'b', 'c']) say(message)
  const seen = view(0, 6)
  for (const message of ['d', 'e', 'f']) setTimeout(() => say(message), 20)
  assert.equal(await seen, [1, 2, 3, 4, 5, 6])
})

test('a viewer that comes back gets what it has not seen', async () => {
  assert.equal(await view(4, 6), [5, 6])
})

test('a viewer that does not read costs others nothing, and gets all in the end', async () => {
  const socket = connect(server.port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(
    `GET /events?token=${TOKEN} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  )
  await once(socket, 'readable')
  const before = log.last
  const before_rss = process.memoryUsage().rss
  for (let i = 0; i < 2000; i += 1) say('x'.repeat(20_000))
  assert.is((await view(before, log.last)).length, 2000)
  assert.ok(process.memoryUsage().rss - before_rss < 30e6, 'what it did not read is not kept for it')
  let bytes = 0
  socket.on('data', (chunk) => {
    bytes += chunk.length
    if (bytes > 40e6) socket.destroy()
  })
  await once(socket, 'close')
  assert.ok(bytes > 40e6)
})

test('a wrong token, or none, is refused', async () => {
  for (const token of ['wrong', '', `${TOKEN}x`]) {
    const refused = async () => {
      for await (const _ of readLive(liveUrl(address(token), 0), AbortSignal.timeout(5000))) break
    }
    await refused().then(
      () => assert.unreachable('it was let in'),
      (error: Error) => assert.match(error.message, 'the connection failed'),
    )
  }
})

test('a viewer that speaks is shown out: the log is read only', async () => {
  const socket = new WebSocket(`${address().replace('/?', '/events?')}`)
  socket.onopen = () => socket.send('reboot')
  const { code } = await new Promise<CloseEvent>((resolve) => {
    socket.onclose = resolve
  })
  assert.is(code, 1008)
})

test('the report, once there is one', async () => {
  const url = `http://127.0.0.1:${server.port}/report`
  assert.is((await fetch(url)).status, 401)
  const headers = { authorization: `Bearer ${TOKEN}` }
  assert.is((await fetch(url, { headers })).status, 404)
  writeFileSync(report, '{"verdict":"passed"}')
  assert.equal(await (await fetch(url, { headers })).json(), { verdict: 'passed' })
  assert.is((await fetch(url, { headers, method: 'POST' })).status, 405)
  assert.is((await fetch(`http://127.0.0.1:${server.port}/elsewhere`)).status, 404)
})

test('a port that is taken is bad input that says so', async () => {
  try {
    await startLiveServer({ ...options, port: server.port })
    assert.unreachable()
  } catch (error) {
    assert.instance(error, InputError)
    assert.match((error as Error).message, `cannot listen on 127.0.0.1:${server.port}`)
  }
})

test('addresses as people write them', () => {
  assert.is(liveUrl('10.0.0.5:7373', 3).href, 'ws://10.0.0.5:7373/events?since=3')
  assert.is(liveUrl('ws://h:1/?token=t', 0).href, 'ws://h:1/events?token=t&since=0')
  assert.throws(() => liveUrl('http://h', 0), /is no address of a live log/)
  assert.throws(() => liveUrl('', 0), /is no address of a live log/)
})

test.run()
