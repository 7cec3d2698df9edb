import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseNatsUrl } from '../../src/live/nats/address.ts'
import { connectNats } from '../../src/live/nats/connect.ts'
import { followFleet } from '../../src/live/nats/follow.ts'
import { STREAM, STREAM_LIMITS } from '../../src/live/nats/protocol.ts'
import { flaw, LIMIT, publishingHost, REPORT, storedMessages } from './helpers/nats-host.ts'
import { natsServer } from './helpers/nats-server.ts'

const TOKEN = 'not-for-logs'

/** What a viewer of one host sees until its job ends. */
async function view(url: string, host: string, since = 0) {
  const seen = []
  for await (const { event } of followFleet({ url, host, since, signal: AbortSignal.timeout(LIMIT) }))
    seen.push(event)
  return seen
}

test('all events of two hosts over a crash of the server, in order, each once, and the reports', async () => {
  await using server = await natsServer({ config: `authorization { token: "${TOKEN}" }` })
  await server.start()
  const url = `nats://${TOKEN}@${server.host}`
  await using a = publishingHost(url, 'a')
  await using b = publishingHost(url, 'b')
  for (const { say } of [a, b]) for (let i = 0; i < 1000; i += 1) say(`before ${i}`)
  assert.ok(await a.fleet.flush(LIMIT))

  const middle = Promise.withResolvers<void>()
  const lost: string[] = []
  const following = (async () => {
    const seen = new Map<string, number[]>()
    let [count, ended] = [0, 0]
    const tell = (message: string) => lost.push(message)
    for await (const { host, event } of followFleet({ url, signal: AbortSignal.timeout(LIMIT), tell })) {
      seen.set(host, [...(seen.get(host) ?? []), event.seq])
      count += 1
      if (count === 2500) middle.resolve()
      if (event.kind === 'job.end') ended += 1
      if (ended === 2) break
    }
    return seen
  })()
  for (const { say } of [a, b]) for (let i = 0; i < 4000; i += 1) say(`during ${i} ${'x'.repeat(500)}`)
  await middle.promise
  await server.kill()
  for (const { say } of [a, b]) for (let i = 0; i < 1000; i += 1) say(`while it is away ${i}`)
  assert.not(await a.fleet.flush(100), 'nothing is claimed while the server is away')
  await server.start()
  for (const { end, fleet } of [a, b]) {
    end('passed')
    fleet.publishReport(REPORT)
  }
  for (const { fleet } of [a, b]) assert.ok(await fleet.flush(LIMIT), 'all is stored')

  const seen = await following
  assert.equal([...seen.keys()].sort(), ['a', 'b'])
  for (const numbers of seen.values()) assert.is(flaw(numbers), undefined)
  assert.match(lost.join('\n'), 'waiting for it')
  const all = await storedMessages(url)
  for (const { id, told } of [a, b]) {
    const own = all.filter(({ subject }) => subject === `speediso.host.${id}`)
    const events = own.filter(({ kind }) => kind === 'event').map(({ seq }) => seq)
    assert.ok(events.length > 6000)
    assert.is(flaw(events), undefined)
    for (const { kind, seq, id: known } of own)
      assert.is(known, `boot-of-${id}:${kind === 'report' ? 'report' : seq}`)
    const reports = own.filter(({ kind }) => kind === 'report')
    assert.equal(
      reports.map(({ data }) => JSON.parse(new TextDecoder().decode(data)).verdict),
      ['passed'],
    )
    assert.is(told.filter((line) => line.includes('events go to')).length, 2, 'each change is said once')
    assert.not.match(told.join('\n'), TOKEN)
  }
})

test('a server that starts late gets all; that it is away is said once', async () => {
  await using server = await natsServer()
  const url = `nats://${server.host}`
  await using host = publishingHost(url, 'late')
  for (let i = 0; i < 100; i += 1) host.say(`${i}`)
  host.fleet.publishReport(REPORT)
  assert.not(await host.fleet.flush(1500))
  assert.equal(host.told, [`warning NATS: ${url}: connection refused; events wait for it`])
  await server.start()
  assert.ok(await host.fleet.flush(LIMIT))
  const all = await storedMessages(url)
  assert.is(flaw(all.filter(({ kind }) => kind === 'event').map(({ seq }) => seq)), undefined)
  assert.is(all.filter(({ kind }) => kind === 'report').length, 1)
})

test('a program that comes back in the same boot goes on where the stream ends', async () => {
  await using server = await natsServer()
  await server.start()
  const url = `nats://${server.host}`
  {
    // A server that forgets at once what it has seen: only asking it keeps from publishing twice.
    await using connection = await connectNats(parseNatsUrl(url), 'test', AbortSignal.timeout(LIMIT))
    const config = { name: STREAM, subjects: ['speediso.host.>'], duplicate_window: 100 * 1e6, max_msgs: 99 }
    await connection.manager.streams.add(config)
  }
  const first = publishingHost(url, 'again')
  for (let i = 0; i < 20; i += 1) first.say(`${i}`)
  first.fleet.publishReport(REPORT)
  assert.ok(await first.fleet.flush(LIMIT))
  await first[Symbol.asyncDispose]()
  await new Promise((resolve) => setTimeout(resolve, 500))
  await using second = publishingHost(url, 'again', { events: first.log })
  for (let i = 0; i < 20; i += 1) second.say(`${i}`)
  assert.ok(await second.fleet.flush(LIMIT))
  const all = await storedMessages(url)
  const events = all.filter(({ kind }) => kind === 'event').map(({ seq }) => seq)
  assert.ok(events.length >= 40)
  assert.is(flaw(events), undefined)
  await using connection = await connectNats(parseNatsUrl(url), 'test', AbortSignal.timeout(LIMIT))
  const { config } = await connection.manager.streams.info(STREAM)
  assert.is(config.max_msgs, 99, 'the stream that was there is left as it is')
})

test('a stream that was deleted is made anew, and holds the whole boot again', async () => {
  await using server = await natsServer()
  await server.start()
  const url = `nats://${server.host}`
  await using host = publishingHost(url, 'whole')
  for (let i = 0; i < 20; i += 1) host.say(`${i}`)
  assert.ok(await host.fleet.flush(LIMIT))
  {
    await using connection = await connectNats(parseNatsUrl(url), 'test', AbortSignal.timeout(LIMIT))
    const { config } = await connection.manager.streams.info(STREAM)
    assert.is(config.storage, 'file')
    assert.is(config.max_bytes, STREAM_LIMITS.max_bytes)
    assert.is(config.max_age, STREAM_LIMITS.max_age * 1e6)
    await connection.manager.streams.delete(STREAM)
  }
  host.say('after that')
  assert.ok(await host.fleet.flush(LIMIT))
  assert.is(flaw((await storedMessages(url)).map(({ seq }) => seq)), undefined)
})

test('one host: its current boot, from a number on, until its job ends', async () => {
  await using server = await natsServer()
  await server.start()
  const url = `nats://${server.host}`
  {
    await using other = publishingHost(url, 'other')
    await using old = publishingHost(url, 'one', { bootId: 'the boot before' })
    old.say('of the boot before')
    old.end('failed')
    other.end('failed')
    assert.ok((await old.fleet.flush(LIMIT)) && (await other.fleet.flush(LIMIT)))
  }
  assert.equal((await view(url, 'one')).at(-1)?.kind, 'job.end', 'a boot that ended is shown to its end')
  await using host = publishingHost(url, 'one', { bootId: 'this boot' })
  host.say('first')
  assert.ok(await host.fleet.flush(LIMIT))
  const [all, rest] = [view(url, 'one'), view(url, 'one', 1)]
  host.end('passed')
  const seen = await all
  assert.is(flaw(seen.map(({ seq }) => seq)), undefined)
  assert.not.match(JSON.stringify(seen), 'the boot before')
  const last = seen.at(-1)
  assert.is(last?.kind === 'job.end' && last.verdict, 'passed')
  assert.is(
    flaw(
      (await rest).map(({ seq }) => seq),
      2,
    ),
    undefined,
  )
})

test('all hosts: a new boot of one is seen as it begins', async () => {
  await using server = await natsServer()
  await server.start()
  const url = `nats://${server.host}`
  await using old = publishingHost(url, 'h', { bootId: '1' })
  old.say('old')
  assert.ok(await old.fleet.flush(LIMIT))
  const seen: string[] = []
  const begun = Promise.withResolvers<void>()
  const following = (async () => {
    for await (const { event } of followFleet({ url, signal: AbortSignal.timeout(LIMIT) })) {
      if (event.kind === 'log' && !event.message.startsWith('NATS')) seen.push(event.message)
      begun.resolve()
      if (event.kind === 'job.end') break
    }
  })()
  await begun.promise
  await using fresh = publishingHost(url, 'h', { bootId: '2' })
  fresh.say('new')
  fresh.end('passed')
  await following
  assert.equal(seen, ['old', 'new'])
})

test.run()
