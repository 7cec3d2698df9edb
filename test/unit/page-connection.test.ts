import { setTimeout as after } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Connection, connect, type Limits, type Link } from '../../src/live/page/connection.ts'
import { FakeSocket, greeting, lastSocket } from './helpers/fake-socket.ts'

const SOON: Limits = { hello: 20, quiet: 20, probe: 20, lost: 60_000 }
const NEVER: Limits = { hello: 60_000, quiet: 60_000, probe: 60_000, lost: 60_000 }

let open: Connection | undefined
test.before.each(() => {
  FakeSocket.all = []
})
test.after.each(() => open?.close())

type Answer = (path: string, signal: AbortSignal) => Promise<{ status: number }>
type Asked = { method: string; headers: Record<string, string>; signal: AbortSignal }
const away: Answer = async () => {
  throw new TypeError('Failed to fetch')
}

function start(answer: Answer, limits = NEVER, onHello = () => true) {
  const links: Link[] = []
  const events: string[] = []
  const asked: string[] = []
  open = connect(
    {
      origin: 'http://h:7373',
      token: 'to ken',
      since: () => events.length,
      onHello,
      onEvents: (text) => events.push(text),
      onLink: (link) => links.push(link),
    },
    {
      WebSocket: FakeSocket as unknown as typeof WebSocket,
      fetch: ((url: URL, { method, headers, signal }: Asked) => {
        asked.push(`${method} ${url.pathname} ${headers.authorization ?? '-'}`)
        return answer(url.pathname, signal)
      }) as unknown as typeof fetch,
      random: () => 0,
    },
    limits,
  )
  const until = async (name: Link['name']) => {
    for (let tries = 0; links.at(-1)?.name !== name && tries < 1000; tries += 1) await after(5)
    assert.is(links.at(-1)?.name, name)
    return links.at(-1) as Link & { why: string; next: number | undefined }
  }
  return { links, events, asked, until, connection: open }
}

test('it asks with token and number, is live from the hello on, and passes on what comes', async () => {
  const { links, events } = start(away)
  const socket = lastSocket()
  assert.is(socket.url.href, 'ws://h:7373/events?since=0&token=to+ken')
  assert.equal(links, [{ name: 'connecting' }])
  socket.say(greeting())
  socket.say('{"seq":1}\n')
  assert.equal(links.at(-1), { name: 'live' })
  assert.equal(events, ['{"seq":1}\n'])
})

test('an end is told with its reason; it comes back where it was', async () => {
  const { until, connection } = start(away)
  lastSocket().say(greeting())
  lastSocket().say('one')
  lastSocket().end('nothing was read for 60 s')
  const link = await until('reconnecting')
  assert.match(link.why, 'nothing was read for 60 s')
  assert.ok((link.next ?? 0) > performance.now())
  connection.hurry()
  assert.is(FakeSocket.all.length, 2)
  assert.is(lastSocket().since, '1')
  lastSocket().say(greeting())
  await until('live')
})

test('it tries again by itself', async () => {
  start(away)
  lastSocket().say(greeting())
  lastSocket().end()
  for (let tries = 0; FakeSocket.all.length < 2 && tries < 1000; tries += 1) await after(5)
  assert.is(FakeSocket.all.length, 2)
})

test('a token that is wrong is told apart from a server that is away, and is not tried again', async () => {
  const { asked, until, connection } = start(async () => ({ status: 401 }))
  lastSocket().end()
  await until('wrong-token')
  assert.equal(asked, ['GET /report Bearer to ken'])
  connection.hurry()
  assert.is(FakeSocket.all.length, 1)
})

test('a server that takes no viewer, one that refuses, and one that is away are each said', async () => {
  const cases: [Answer, RegExp][] = [
    [async () => ({ status: 404 }), /too many watching/],
    [async () => ({ status: 403 }), /HTTP 403/],
    [away, /does not answer/],
  ]
  for (const [answer, words] of cases) {
    const { until, connection } = start(answer)
    lastSocket().end()
    assert.match((await until('reconnecting')).why, words)
    connection.close()
  }
})

test('what says no hello is no live log', async () => {
  for (const message of ['<html>', '{"seq":1}', 'null']) {
    const { until, events, connection } = start(away)
    lastSocket().say(message)
    assert.match((await until('reconnecting')).why, 'no live log')
    assert.equal(events, [])
    connection.close()
  }
})

test('a host that does not answer at all is given up on, and tried anew', async () => {
  const { until } = start(away, SOON)
  assert.match((await until('reconnecting')).why, 'does not answer')
  assert.ok(FakeSocket.all[0]?.closed)
})

test('a host that loses its power says no goodbye: its silence is noticed', async () => {
  const { until, asked } = start(away, SOON)
  lastSocket().say(greeting())
  assert.match((await until('reconnecting')).why, 'does not answer')
  assert.is(asked[0], 'HEAD / -')
})

test('negative control: a host that is merely quiet stays live', async () => {
  const { links, asked } = start(async () => ({ status: 200 }), SOON)
  lastSocket().say(greeting())
  for (let tries = 0; asked.length < 3 && tries < 1000; tries += 1) await after(5)
  assert.ok(asked.length >= 3)
  assert.equal(links.at(-1), { name: 'live' })
  assert.is(FakeSocket.all.length, 1)
})

test('a sign of life that never comes is none', async () => {
  const hang: Answer = (_url, signal) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  const { until } = start(hang, SOON)
  lastSocket().say(greeting())
  assert.match((await until('reconnecting')).why, 'does not answer')
})

test('without contact for long it counts as lost, and is tried on', async () => {
  const { until, connection } = start(away, { ...NEVER, lost: 30 })
  lastSocket().say(greeting())
  lastSocket().end()
  await until('reconnecting')
  await after(50)
  connection.hurry()
  await until('lost')
  assert.is(FakeSocket.all.length, 2)
  lastSocket().say(greeting())
  await until('live')
})

test('when the hello says that all is another, it connects anew at once', async () => {
  let accept = false
  const { links } = start(away, NEVER, () => accept)
  const first = lastSocket()
  first.say(greeting())
  assert.ok(first.closed)
  assert.is(FakeSocket.all.length, 2)
  accept = true
  lastSocket().say(greeting())
  assert.equal(links.at(-1), { name: 'live' })
})

test('closed, it does nothing more', async () => {
  const { connection, links } = start(away, SOON)
  const socket = lastSocket()
  connection.close()
  socket.say(greeting())
  socket.end()
  connection.hurry()
  await after(60)
  assert.is(FakeSocket.all.length, 1)
  assert.equal(links, [{ name: 'connecting' }])
})

test.run()
