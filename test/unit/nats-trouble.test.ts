import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setDefaultCACertificates } from 'node:tls'
import { gunzipSync } from 'node:zlib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { InputError } from '../../src/errors.ts'
import { isNatsUrl, parseNatsUrl } from '../../src/live/nats/address.ts'
import { NatsError } from '../../src/live/nats/errors.ts'
import { followFleet } from '../../src/live/nats/follow.ts'
import { subjectOf } from '../../src/live/nats/protocol.ts'
import type { Report } from '../../src/runtime/report.ts'
import { flaw, LIMIT, publishingHost, readEvent, storedMessages } from './helpers/nats-host.ts'
import { natsServer } from './helpers/nats-server.ts'
import { temporaryDir } from './helpers/temporary.ts'

/** What a viewer is told at once. */
async function refusal(url: string, host?: string, since?: number): Promise<Error> {
  try {
    for await (const _ of followFleet({ url, host, since, signal: AbortSignal.timeout(LIMIT) })) break
  } catch (error) {
    return error as Error
  }
  throw new Error('it was let in')
}

async function told(url: string): Promise<string> {
  await using host = publishingHost(url, 'host')
  host.say('something')
  assert.not(await host.fleet.flush(1500))
  assert.is(host.told.length, 1, 'said once, however often it is tried')
  return host.told.join()
}

const code = (error: Error) => (error instanceof NatsError ? error.facts.code : error)

test('a boot without NATS does not load its packages', () => {
  const loaded = () =>
    Object.keys(createRequire(import.meta.url).cache).some((path) => path.includes('@nats-io'))
  assert.not(loaded())
})

test('nobody there, and no such host', async () => {
  const server = await natsServer()
  const refused = await refusal(`nats://user:secret@${server.host}`)
  assert.is(refused.message, `nats://${server.host}: connection refused`)
  assert.is(code(refused), 'refused')
  assert.is(code(await refusal('nats://speediso.invalid')), 'unknown-host')
  const loaded = Object.keys(createRequire(import.meta.url).cache).some((path) => path.includes('@nats-io'))
  assert.ok(loaded, 'now they are loaded')
})

test('something else than NATS, and a server that ends the connection', async () => {
  for (const greeting of ['SSH-2.0-OpenSSH_10.0\r\n', '']) {
    const other = createServer((socket) => socket.end(greeting)).listen(0, '127.0.0.1')
    await new Promise((resolve) => other.once('listening', resolve))
    const { port } = other.address() as { port: number }
    const error = await refusal(`nats://127.0.0.1:${port}`)
    other.close()
    assert.instance(error, NatsError)
    assert.match(error.message, `nats://127.0.0.1:${port}: `)
  }
})

test('wrong credentials, for who publishes and for who follows', async () => {
  await using server = await natsServer({ config: 'authorization { token: "the-right-one" }' })
  await server.start()
  const error = await refusal(`nats://wrong-token@${server.host}`)
  assert.is(code(error), 'authorization')
  assert.not.match(String(error), 'wrong-token')
  const said = await told(`nats://wrong-token@${server.host}`)
  assert.match(said, /^error NATS: nats:\/\/127.0.0.1:\d+: the server refuses these credentials; events wait/)
  assert.not.match(said, 'wrong-token')
})

test('user and password, with characters that a URL has to escape', async () => {
  await using server = await natsServer({ config: 'authorization { user: "me", password: "p@ss/word" }' })
  await server.start()
  await using host = publishingHost(`nats://me:p%40ss%2Fword@${server.host}`, 'host')
  host.say('in')
  assert.ok(await host.fleet.flush(LIMIT))
  assert.is(code(await refusal(`nats://me:password@${server.host}`)), 'authorization')
})

test('no JetStream, and no stream', async () => {
  await using plain = await natsServer({ jetstream: false })
  await plain.start()
  assert.is(code(await refusal(`nats://${plain.host}`)), 'no-jetstream')
  assert.match(await told(`nats://${plain.host}`), 'the server has no JetStream; events wait')
  await using empty = await natsServer()
  await empty.start()
  assert.is(code(await refusal(`nats://${empty.host}`)), 'no-stream')
})

test('a server without room for the stream', async () => {
  await using server = await natsServer({ storage: '100MB' })
  await server.start()
  assert.match(await told(`nats://${server.host}`), 'it has no room for the stream SPEEDISO')
})

test('credentials that may not publish', async () => {
  await using server = await natsServer({
    config: `authorization { users: [
      { user: "host", password: "p", permissions: { publish: ["$JS.API.>", "_INBOX.>"], subscribe: ["_INBOX.>"] } }
    ] }`,
  })
  await server.start()
  assert.match(await told(`nats://host:p@${server.host}`), 'error NATS: ')
})

test('messages larger than the server takes are packed, then shortened; a report that is too large is said', async () => {
  await using server = await natsServer({ config: 'max_payload: 8192' })
  await server.start()
  const url = `nats://${server.host}`
  await using host = publishingHost(url, 'large')
  const noise = (size: number) =>
    Array.from({ length: size / 8 }, () => Math.random().toString(36).slice(2, 10)).join('')
  const step = {
    kind: 'step.end',
    task: 'wipe',
    step: 's',
    verdict: 'failed',
    reason: 'r',
    seconds: 1,
  } as const
  host.say('small')
  host.say('x'.repeat(100_000))
  host.log.append({ ...step, evidence: { output: noise(100_000) } })
  host.say(noise(100_000))
  host.fleet.publishReport({ tasks: [noise(100_000)] } as unknown as Report)
  host.say('behind it')
  assert.not(await host.fleet.flush(LIMIT), 'the report was not published')
  assert.match(host.told.join('\n'), /error NATS: the report has \d+ bytes; nats:.* takes \d+ in one message/)
  host.end('passed')
  host.fleet.publishReport({ tasks: ['x'.repeat(100_000)] } as unknown as Report)
  assert.ok(await host.fleet.flush(LIMIT))
  const all = await storedMessages(url)
  const events = all.filter(({ kind }) => kind === 'event')
  assert.is(flaw(events.map(({ seq }) => seq)), undefined)
  const packed = events.find(({ encoding }) => encoding === 'gzip')
  assert.is(readEvent({ data: gunzipSync(packed?.data ?? '') }).seq, packed?.seq)
  const report = all.find(({ kind }) => kind === 'report')
  assert.is(JSON.parse(gunzipSync(report?.data ?? '').toString()).tasks[0].length, 100_000)
  const seen = []
  for await (const { event } of followFleet({ url, host: 'large', signal: AbortSignal.timeout(LIMIT) }))
    seen.push(event)
  assert.is(flaw(seen.map(({ seq }) => seq)), undefined, 'each is an event, also when shortened')
  assert.ok(seen.some((event) => event.kind === 'log' && event.message === 'x'.repeat(100_000)))
  const shortened = seen.find((event) => event.kind === 'step.end')
  assert.is(shortened?.kind === 'step.end' && shortened.verdict, 'failed')
  assert.match(JSON.stringify(shortened), 'too large to publish')
})

test('TLS: a certificate that is not trusted is refused, one that is lets in', async () => {
  const dir = temporaryDir()
  const [key, certificate] = [join(dir, 'key.pem'), join(dir, 'cert.pem')]
  const subject = ['-subj', '/CN=fleet', '-addext', 'subjectAltName=IP:127.0.0.1']
  const keys = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  execFileSync('openssl', ['req', '-x509', ...keys, '-keyout', key, '-out', certificate, ...subject], {
    stdio: 'pipe',
  })
  await using server = await natsServer({ config: `tls { cert_file: "${certificate}", key_file: "${key}" }` })
  await server.start()
  assert.match((await refusal(`tls://${server.host}`)).message, 'self-signed certificate')
  setDefaultCACertificates([readFileSync(certificate, 'utf8')])
  await using host = publishingHost(`tls://${server.host}`, 'host')
  host.say('in')
  assert.ok(await host.fleet.flush(5000), host.told.join())
})

test('told to stop: what is connected gets the last events, a server that is away is not waited for', async () => {
  await using server = await natsServer()
  await server.start()
  const url = `nats://${server.host}`
  const stop = new AbortController()
  const host = publishingHost(url, 'host', { signal: stop.signal })
  host.say('first')
  assert.ok(await host.fleet.flush(LIMIT))
  stop.abort()
  host.say('last')
  await host[Symbol.asyncDispose]()
  assert.is((await storedMessages(url)).at(-1)?.seq, host.log.last)
  await server.kill()
  const late = publishingHost(url, 'late', { signal: stop.signal })
  late.say('too late')
  assert.not(await late.fleet.flush(LIMIT), 'ended, and says that it did not publish')
  await late[Symbol.asyncDispose]()
})

test('disposing ends a fleet that hangs in a connection', async () => {
  const sockets = new Set<{ destroy(): void }>()
  const silent = createServer((socket) => sockets.add(socket)).listen(0, '127.0.0.1')
  await new Promise((resolve) => silent.once('listening', resolve))
  const { port } = silent.address() as { port: number }
  const host = publishingHost(`nats://127.0.0.1:${port}`, 'host')
  await new Promise((resolve) => silent.once('connection', resolve))
  await host[Symbol.asyncDispose]()
  for (const socket of sockets) socket.destroy()
  silent.close()
})

test('addresses', () => {
  const { host, port, tls, auth, shown } = parseNatsUrl('nats://h')
  assert.equal([host, port, tls, auth, shown], ['h', 4222, false, {}, 'nats://h:4222'])
  assert.equal(parseNatsUrl('tls://u:p%40@[::1]:9').auth, { user: 'u', pass: 'p@' })
  assert.is(parseNatsUrl('tls://u:p%40@[::1]:9').shown, 'tls://[::1]:9')
  assert.equal(parseNatsUrl('nats://token@h').auth, { token: 'token' })
  for (const wrong of ['', 'h:4222', 'http://h', 'nats://', 'nats://h/subject', 'nats://u:secret@h?x=1']) {
    try {
      parseNatsUrl(wrong)
      assert.unreachable(wrong)
    } catch (error) {
      assert.instance(error, InputError)
      assert.not.match(String(error), 'secret')
    }
  }
  assert.ok(isNatsUrl('tls://h') && isNatsUrl('NATS://h') && !isNatsUrl('ws://h'))
})

test('a host id is one token of a subject, whatever it holds', () => {
  assert.is(subjectOf('52:54:00:12:34:56'), 'speediso.host.52:54:00:12:34:56')
  for (const id of ['a.b', 'a b', '*', '>', 'ä\n', ''])
    assert.match(subjectOf(id), /^speediso\.host\.[\w:-]+$/)
})

test('numbers of events without a host are bad input', async () => {
  assert.instance(await refusal('nats://h', undefined, 5), InputError)
})

test.run()
