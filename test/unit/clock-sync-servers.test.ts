import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { SpeedisoError } from '../../src/errors.ts'
import { systemClock } from '../../src/system/clock.ts'
import { askHttpDate } from '../../src/system/clock-sync/http-date.ts'
import { askNtp, readReply } from '../../src/system/clock-sync/sntp.ts'
import type { Ask } from '../../src/system/clock-sync/told.ts'
import { type NtpAnswer, ntpReply, startNtpServer } from './helpers/ntp-server.ts'
import { temporaryDir } from './helpers/temporary.ts'

const THEN = Date.UTC(2031, 4, 6, 7, 8, 9, 500)

async function asked(ask: Ask, server: string): Promise<number> {
  const { time } = await ask(server, { clock: systemClock, signal: AbortSignal.timeout(20_000) })
  return time
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error = await promise.catch((reason: unknown) => reason)
  assert.instance(error, SpeedisoError)
  return (error as SpeedisoError).message
}

test('a good server: its time, and a question that tells nothing of us', async () => {
  await using server = await startNtpServer({ time: THEN })
  const time = await asked(askNtp, server.name)
  assert.ok(time >= THEN && time < THEN + 60_000, String(time))
  const [first] = server.requests
  assert.is(first?.length, 48)
  assert.is(first?.readUInt8(0), 0x23)
  assert.ok(first?.subarray(1, 40).equals(Buffer.alloc(39)))
  await asked(askNtp, server.name)
  assert.not.ok(server.requests[1]?.equals(first ?? Buffer.alloc(0)), 'each question is another one')
})

const liars: [name: string, answer: NtpAnswer, message: RegExp][] = [
  ['stratum 0 with a kiss code', { stratum: 0, kiss: 'RATE' }, /^it refuses to answer \(RATE\)$/],
  ['stratum 0', { stratum: 0 }, /^it refuses to answer$/],
  ['stratum 16', { stratum: 16 }, /not synchronised/],
  ['leap indicator 3', { leap: 3 }, /not synchronised/],
  ['another client', { mode: 3 }, /^an answer of mode 3, not of a server$/],
  ['a broadcast', { mode: 5 }, /mode 5/],
  ['no time', { edit: (packet) => packet.fill(0, 32) }, /names no time/],
]
for (const [name, answer, message] of liars) {
  test(`refused: ${name}`, async () => {
    await using server = await startNtpServer({ time: THEN, ...answer })
    assert.match(await refusal(asked(askNtp, server.name)), message)
  })
}

test('answers to nothing that was asked are not taken; the true one that follows is', async () => {
  const forge = (packet: Buffer, count: number) => {
    if (count === 1) packet.writeUInt8(packet.readUInt8(24) ^ 1, 24)
    return packet
  }
  await using server = await startNtpServer({ time: THEN, edit: forge })
  const time = await asked(askNtp, server.name)
  assert.ok(time >= THEN)
  assert.is(server.requests.length, 2)
})

for (const [name, edit] of [
  ['silent', () => undefined],
  ['answers with half a packet', (packet: Buffer) => packet.subarray(0, 40)],
  ['always answers something else', (packet: Buffer) => packet.fill(7, 24, 32)],
] as const) {
  test(`a server that ${name === 'silent' ? 'is' : ''} ${name}: until the signal ends it`, async () => {
    await using server = await startNtpServer({ edit })
    const reason = new Error('enough')
    const stop = new AbortController()
    const answer = askNtp(server.name, { clock: systemClock, signal: stop.signal })
    while (server.requests.length < 2) await new Promise((resolve) => setTimeout(resolve, 50))
    stop.abort(reason)
    assert.is(await answer.catch((error: unknown) => error), reason)
  })
}

test('nobody listens there, no such host, and none that can be asked', async () => {
  let name = ''
  {
    await using server = await startNtpServer()
    name = server.name
  }
  assert.is(await refusal(asked(askNtp, name)), 'connection refused')
  assert.is(await refusal(asked(askNtp, 'no-such-host.invalid')), 'no such host')
  assert.match(await refusal(asked(askNtp, '255.255.255.255')), /EACCES|ENETUNREACH/)
})

test('the way of the reply counts: half of what the server did not use', () => {
  const reply = ntpReply(Buffer.alloc(48), { time: THEN, used: 100 })
  assert.is(Math.round(readReply(reply, 300) - THEN), 100)
  assert.is(Math.round(readReply(reply, 100) - THEN), 0)
  // It claims to have used more than there was.
  assert.is(Math.round(readReply(reply, 50) - THEN), 0)
})

test('property: any time between 1968 and 2104 comes through', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: Date.UTC(2104, 1) }), (time) => {
      assert.ok(Math.abs(readReply(ntpReply(Buffer.alloc(48), { time }), 0) - time) < 1)
    }),
  )
})

test('property: whatever comes is a time or a refusal', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 48, maxLength: 80 }), fc.nat(5000), (bytes, roundTrip) => {
      try {
        assert.ok(Number.isFinite(readReply(Buffer.from(bytes), roundTrip)))
      } catch (error) {
        assert.instance(error, SpeedisoError)
      }
    }),
  )
})

const certificate = (() => {
  const dir = temporaryDir()
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')]
  const kind = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const out = ['-subj', '/CN=elsewhere', '-days', '1', '-keyout', key, '-out', cert]
  execFileSync('openssl', [...kind, ...out], { stdio: 'ignore' })
  return { key: readFileSync(key), cert: readFileSync(cert) }
})()

/** A real web server that says what it likes; gives its URL. */
async function onWeb(
  scheme: 'http' | 'https',
  answer: RequestListener,
  work: (url: string) => Promise<void>,
): Promise<void> {
  const server = scheme === 'http' ? createServer(answer) : createTlsServer(certificate, answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await work(`${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

const date = new Date(THEN).toUTCString()
const near = (time: number) => assert.ok(Math.abs(time - THEN) < 60_000, new Date(time).toISOString())

for (const scheme of ['http', 'https'] as const) {
  test(`${scheme}: the date of an answer; neither path nor password is sent`, async () => {
    const seen: unknown[] = []
    const answer: RequestListener = (request, response) => {
      seen.push([request.method, request.url, request.headers.authorization])
      response.writeHead(404, { date }).end()
    }
    await onWeb(scheme, answer, async (url) => {
      near(await asked(askHttpDate, `${url.replace('//', '//user:secret@')}/job/\${mac}?token=x`))
      assert.equal(seen, [['HEAD', '/', undefined]])
      // The control: with verification the same server is not talked to.
      if (scheme === 'https') {
        const code = await fetch(url).then(String, ({ cause }: { cause: { code: string } }) => cause.code)
        assert.is(code, 'DEPTH_ZERO_SELF_SIGNED_CERT')
      }
    })
  })
}

test('a cache says how old its answer is', () =>
  onWeb(
    'http',
    (_, response) => {
      response.writeHead(200, { date: new Date(THEN - 3_600_000).toUTCString(), age: '3600' }).end()
    },
    async (url) => near(await asked(askHttpDate, url)),
  ))

for (const [name, header] of [
  ['no date', undefined],
  ['a date without a zone', 'Sun Nov  6 08:49:37 1994'],
  ['something else', 'yesterday'],
] as const) {
  test(`refused: ${name}`, () =>
    onWeb(
      'http',
      (_, response) => {
        response.sendDate = false
        response.writeHead(200, header === undefined ? {} : { date: header }).end()
      },
      async (url) => assert.is(await refusal(asked(askHttpDate, url)), 'its answer has no date'),
    ))
}

test('a web server that is not there, one that cuts, and one that never answers', async () => {
  await onWeb(
    'http',
    (request) => void request.socket.destroy(),
    async (url) => {
      assert.match(await refusal(asked(askHttpDate, url)), /socket hang up|ECONNRESET/)
    },
  )
  let closed = ''
  await onWeb(
    'http',
    () => {},
    async (url) => {
      closed = url
      const reason = new Error('enough')
      const signal = AbortSignal.timeout(100)
      const error = await askHttpDate(url, { clock: systemClock, signal }).catch((cause: unknown) => cause)
      assert.is(error, signal.reason)
      assert.is.not(error, reason)
    },
  )
  assert.is(await refusal(asked(askHttpDate, closed)), 'connection refused')
})

test.run()
