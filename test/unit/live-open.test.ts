import { X509Certificate } from 'node:crypto'
import { chmodSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { InputError, type SpeedisoError, ToolMissingError } from '../../src/errors.ts'
import type { Job } from '../../src/job/schema.ts'
import { makeCertificate } from '../../src/live/certificate.ts'
import { liveUrl, readLive } from '../../src/live/client.ts'
import { type LiveLog, type LiveLogDependencies, openLiveLog } from '../../src/live/open.ts'
import { type EventLog, openEventLog } from '../../src/runtime/event-log.ts'
import { runPaths } from '../../src/runtime/paths.ts'
import { systemClock } from '../../src/system/clock.ts'
import { createExec } from '../../src/system/exec.ts'
import { freshDir, HELLO } from './helpers/live.ts'

const exec = createExec()

/** A port that is free for the moment. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

interface Opened extends AsyncDisposable {
  live: LiveLog
  events: EventLog
  paths: ReturnType<typeof runPaths>
}

async function open(
  log: Partial<Job['log']>,
  more: Partial<LiveLogDependencies> = {},
  dir = freshDir(),
): Promise<Opened> {
  const paths = runPaths(dir)
  const events = openEventLog(paths.events, 'test', systemClock)
  const listen = { address: '127.0.0.1', port: await freePort() }
  const live = await openLiveLog(
    { listen, token: null, tls: false, ...log },
    { hello: HELLO, events, paths, exec, ...more },
  )
  return {
    live,
    events,
    paths,
    async [Symbol.asyncDispose]() {
      await live[Symbol.asyncDispose]()
      events.close()
    },
  }
}

const liveFile = (path: string) => JSON.parse(readFileSync(path, 'utf8'))

async function firstEvent(text: string, fingerprint?: string): Promise<number> {
  for await (const message of readLive(liveUrl(text, 0, fingerprint), AbortSignal.timeout(10_000))) {
    if ('event' in message) return message.event.seq
  }
  throw new Error('no event')
}

test('the address for people works as it is shown; that for programs stands in a file of root', async () => {
  const opened = await open({})
  opened.events.append({ kind: 'log', level: 'info', message: 'm' })
  const { live, paths } = opened
  assert.match(live.shown ?? '', /^http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]{16}$/)
  assert.is(await firstEvent(live.shown ?? ''), 1)
  const { url, token } = liveFile(paths.live)
  assert.is(`${url}#token=${token}`, live.shown)
  assert.is(token, live.token)
  assert.is(statSync(paths.live).mode & 0o777, 0o600)
  await opened[Symbol.asyncDispose]()
})

test('started again in the same folder, a random token stays what it was, unless others know the file', async () => {
  const dir = freshDir()
  const tokens: (string | undefined)[] = []
  for (const mode of [0o600, 0o644, 0o600]) {
    await using opened = await open({}, {}, dir)
    tokens.push(opened.live.token)
    chmodSync(opened.paths.live, mode)
  }
  assert.is(tokens[0], tokens[1])
  assert.is.not(tokens[1], tokens[2])
})

test('a token that was given is not shown', async () => {
  await using opened = await open({ token: 'given-token' })
  assert.match(opened.live.shown ?? '', /#token=TOKEN$/)
  assert.is(liveFile(opened.paths.live).token, 'given-token')
})

test('a token that was given is not shown by a later log in the same folder either', async () => {
  const dir = freshDir()
  {
    await using given = await open({ token: 'given-token' }, {}, dir)
    assert.is(given.live.token, 'given-token')
  }
  await using later = await open({}, {}, dir)
  assert.not.match(later.live.shown ?? '', 'given-token')
})

test('listening on every address, the reporting card is shown, and this host goes by loopback', async () => {
  const listen = { address: '0.0.0.0', port: await freePort() }
  await using opened = await open({ listen }, { ownAddress: '192.0.2.7' })
  assert.match(opened.live.shown ?? '', `http://192.0.2.7:${listen.port}/#token=`)
  assert.is(liveFile(opened.paths.live).url, `http://127.0.0.1:${listen.port}/`)
})

test('off is off; a log that cannot be had is an error event and stops nothing', async () => {
  await using off = await open({ listen: 'off' })
  assert.equal([off.live.shown, off.live.token], [undefined, undefined])
  await using first = await open({})
  const { port } = new URL(liveFile(first.paths.live).url)
  await using second = await open({ listen: { address: '127.0.0.1', port: Number(port) } })
  assert.is(second.live.shown, undefined)
  assert.match(readFileSync(second.paths.events, 'utf8'), `cannot listen on 127.0.0.1:${port}`)
  const missing = async () => {
    throw new ToolMissingError('openssl: not installed')
  }
  await using third = await open({ tls: true }, { exec: missing })
  assert.is(third.live.shown, undefined)
  assert.match(readFileSync(third.paths.events, 'utf8'), /"level":"error".*openssl: not installed/)
})

test('with TLS: pinned by the fingerprint that is shown', async () => {
  await using opened = await open({ tls: true })
  const { live, paths } = opened
  const { fingerprint, url, token } = liveFile(paths.live)
  assert.match(
    live.shown ?? '',
    new RegExp(`^https://127\\.0\\.0\\.1:\\d+/#token=${token}&fingerprint=(..:){31}..$`),
  )
  assert.match(readFileSync(paths.events, 'utf8'), `SHA-256 fingerprint is ${fingerprint}`)
  assert.is(await firstEvent(live.shown ?? ''), 1)
  const bare = fingerprint.replaceAll(':', '').toLowerCase()
  assert.is(await firstEvent(`${url}#token=${token}`, bare), 1)
})

test('with TLS: a wrong fingerprint is refused, and so is none; both before the token is sent', async () => {
  await using opened = await open({ tls: true })
  const { fingerprint, url, token } = liveFile(opened.paths.live)
  const refused = (pin?: string): Promise<SpeedisoError> =>
    firstEvent(`${url}#token=${token}`, pin).then(
      () => assert.unreachable('it was let in') as never,
      (error) => error,
    )
  const wrong = await refused('AB'.repeat(32))
  assert.instance(wrong, InputError)
  assert.match(wrong.message, 'refused, its certificate is not the one that was named')
  assert.match(wrong.hint ?? '', fingerprint)
  const unknown = await refused()
  assert.instance(unknown, InputError)
  assert.match(unknown.message, 'its certificate is not known here (DEPTH_ZERO_SELF_SIGNED_CERT)')
  assert.match(unknown.hint ?? '', `add --fingerprint ${fingerprint}`)
})

test('with TLS: the page', async () => {
  const page = { html: '<p>page', csp: "default-src 'none'" }
  await using opened = await open({ tls: true }, { page })
  const { url } = liveFile(opened.paths.live)
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(url).port), rejectUnauthorized: false })
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  let answer = ''
  for await (const chunk of socket) answer += chunk
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/)
  assert.match(answer, '<p>page')
})

test('a certificate names the host and its addresses, and its key is kept nowhere', async () => {
  const left = () => readdirSync(tmpdir()).filter((name) => name.startsWith('speediso-tls-'))
  const before = left()
  const modes: number[] = []
  const looking: typeof exec = (file, args, options) => {
    modes.push(statSync(join(args[args.indexOf('-keyout') + 1] ?? '', '..')).mode & 0o777)
    return exec(file, args, options)
  }
  const names = { hostname: 'node-7.example', addresses: ['192.0.2.7', '2001:db8::7'] }
  const { cert, key, fingerprint } = await makeCertificate(looking, names)
  const x509 = new X509Certificate(cert)
  assert.is(
    x509.subjectAltName,
    'DNS:localhost, DNS:node-7.example, IP Address:192.0.2.7, IP Address:2001:DB8:0:0:0:0:0:7',
  )
  assert.is(x509.fingerprint256, fingerprint)
  assert.is(x509.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1')
  assert.not(x509.ca)
  assert.match(key, 'BEGIN PRIVATE KEY')
  assert.equal(modes, [0o700])
  assert.equal(left(), before)
  const odd = await makeCertificate(exec, { hostname: 'x\nCN = evil', addresses: [] })
  assert.is(new X509Certificate(odd.cert).subject, 'CN=speediso')
})

test.run()
