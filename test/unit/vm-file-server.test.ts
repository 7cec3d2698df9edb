import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { get, request } from 'node:http'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Fault } from '../vm/harness/faults.ts'
import { type FileServer, serveFiles } from '../vm/harness/file-server.ts'
import { parseRange } from '../vm/harness/range.ts'
import { temporaryDir } from './helpers/temporary.ts'

const SIZE = 300_000
const DATA = Buffer.from(Array.from({ length: SIZE }, (_, index) => (index * 7) % 251))

interface Answer {
  status: number
  headers: Record<string, unknown>
  body: Buffer
  /** The connection went before all that was announced had come. */
  cut: boolean
}

/** A plain client, because fetch hides what came of a cut answer. */
function ask(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call =
      method === 'GET' ? get(url, { headers, agent: false }) : request(url, { method, headers, agent: false })
    if (method !== 'GET') call.end()
    call.on('error', reject).on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', () => {})
      response.on('close', () => {
        const { statusCode: status = 0, headers: got, complete } = response
        resolve({ status, headers: got, body: Buffer.concat(chunks), cut: !complete })
      })
    })
  })
}

const dir = temporaryDir()
writeFileSync(join(dir, 'f'), DATA)
mkdirSync(join(dir, 'd'))
symlinkSync('/etc/hostname', join(dir, 'out'))

async function withServer(use: (server: FileServer, url: string) => Promise<void>): Promise<void> {
  await using server = await serveFiles(dir)
  await use(server, server.url('/f'))
}

const ranges: [header: string | undefined, size: number, wanted: ReturnType<typeof parseRange>][] = [
  [undefined, 10, { kind: 'whole' }],
  ['bytes=0-', 10, { kind: 'part', start: 0, end: 10 }],
  ['bytes=2-5', 10, { kind: 'part', start: 2, end: 6 }],
  ['bytes=2-500', 10, { kind: 'part', start: 2, end: 10 }],
  ['bytes=-3', 10, { kind: 'part', start: 7, end: 10 }],
  ['bytes=-30', 10, { kind: 'part', start: 0, end: 10 }],
  ['bytes=9-', 10, { kind: 'part', start: 9, end: 10 }],
  ['bytes=10-', 10, { kind: 'none' }],
  ['bytes=-0', 10, { kind: 'none' }],
  ['bytes=0-', 0, { kind: 'none' }],
  ['bytes=5-2', 10, { kind: 'whole' }],
  ['bytes=1-2,4-5', 10, { kind: 'whole' }],
  ['bytes=-', 10, { kind: 'whole' }],
  ['pages=1-2', 10, { kind: 'whole' }],
]
for (const [header, size, wanted] of ranges) {
  test(`Range: ${header} of ${size}`, () => assert.equal(parseRange(header, size), wanted))
}

test('a whole file, and what is told of it', () =>
  withServer(async (server, url) => {
    const { status, headers, body, cut } = await ask(url, { 'user-agent': 'me' })
    assert.is(status, 200)
    assert.is(headers['content-length'], String(SIZE))
    assert.not.ok(cut)
    assert.ok(body.equals(DATA))
    const told = await server.waitForRequest('/f', { limit: 5000 })
    assert.equal(told, {
      method: 'GET',
      path: '/f',
      userAgent: 'me',
      status: 200,
      bytesSent: SIZE,
      complete: true,
    })
  }))

test('a part of a file', () =>
  withServer(async (server, url) => {
    const { status, headers, body } = await ask(url, { range: 'bytes=1000-250999' })
    assert.is(status, 206)
    assert.is(headers['content-range'], `bytes 1000-250999/${SIZE}`)
    assert.ok(body.equals(DATA.subarray(1000, 251_000)))
    assert.is((await server.waitForRequest('/f', { limit: 5000 })).range, 'bytes=1000-250999')
  }))

test('If-Range: a part only of the same file', () =>
  withServer(async (_, url) => {
    const etag = String((await ask(url, {}, 'HEAD')).headers.etag)
    assert.is((await ask(url, { range: 'bytes=5-', 'if-range': etag })).status, 206)
    assert.is((await ask(url, { range: 'bytes=5-', 'if-range': '"other"' })).status, 200)
  }))

test('HEAD sends the length and no body', () =>
  withServer(async (server, url) => {
    const { status, headers, body } = await ask(url, {}, 'HEAD')
    assert.equal([status, headers['content-length'], body.length], [200, String(SIZE), 0])
    assert.is((await server.waitForRequest('/f', { limit: 5000 })).complete, true)
  }))

test('refusals: a part past the end, another method, no such file, a folder, a way out', () =>
  withServer(async (server, url) => {
    const past = await ask(url, { range: `bytes=${SIZE}-` })
    assert.equal([past.status, past.headers['content-range']], [416, `bytes */${SIZE}`])
    assert.is((await ask(url, {}, 'PUT')).status, 405)
    for (const path of ['/none', '/d', '/', '/out', '/..%2f..%2f..%2f..%2fetc/hostname', '/%zz']) {
      assert.is((await ask(server.url(path))).status, 404, path)
    }
  }))

test('contents by path, an empty one too, and one added later', async () => {
  await using server = await serveFiles({ '/a': { body: 'text' }, '/empty': { body: '' } })
  assert.is((await ask(server.url('/a?x=1'))).body.toString(), 'text')
  assert.is((await ask(server.url('/empty'))).headers['content-length'], '0')
  assert.is((await ask(server.url('/b'))).status, 404)
  server.add('/b', { body: 'more' })
  assert.is((await ask(server.url('/b'))).body.toString(), 'more')
  assert.is(server.guestUrl('/b'), `http://10.0.2.2:${server.port}/b`)
})

test('fault: cut after some bytes, of the whole and of a part', () =>
  withServer(async (server, url) => {
    server.fault('/f', { kind: 'cut', after: 100_000, times: 2 })
    const whole = await ask(url)
    assert.equal(
      [whole.headers['content-length'], whole.body.length, whole.cut],
      [String(SIZE), 100_000, true],
    )
    assert.ok(whole.body.equals(DATA.subarray(0, 100_000)))
    const part = await ask(url, { range: 'bytes=100000-' })
    assert.equal([part.status, part.body.length, part.cut], [206, 100_000, true])
    assert.is((await ask(url, { range: 'bytes=200000-' })).cut, false)
    const cut = await server.waitForRequest(({ complete }) => !complete, { limit: 5000 })
    assert.is(cut.bytesSent, 100_000)
  }))

test('fault: a byte is wrong, wherever the part begins', () =>
  withServer(async (server, url) => {
    server.fault('/f', { kind: 'corrupt', at: 200_000 })
    const wrong = Buffer.from(DATA)
    wrong[200_000] = (wrong[200_000] ?? 0) ^ 0xff
    assert.ok((await ask(url)).body.equals(wrong))
    assert.ok((await ask(url, { range: 'bytes=199999-' })).body.equals(wrong.subarray(199_999)))
    assert.ok((await ask(url, { range: 'bytes=200001-' })).body.equals(DATA.subarray(200_001)))
    server.fault('/f')
    assert.ok((await ask(url)).body.equals(DATA), 'well again')
  }))

const statuses: Fault[] = [
  { kind: 'status', status: 404, times: 1 },
  { kind: 'status', status: 500, times: 1 },
]
for (const fault of statuses) {
  test(`fault: ${JSON.stringify(fault)}`, () =>
    withServer(async (server, url) => {
      server.fault('/f', fault)
      assert.is((await ask(url)).status, fault.kind === 'status' ? fault.status : 0)
      assert.is((await ask(url)).status, 200)
    }))
}

test('fault: the first connections are dropped', () =>
  withServer(async (server, url) => {
    server.fault('/f', { kind: 'drop', times: 2 })
    for (const _ of [1, 2]) {
      const code = await ask(url).then(
        () => 'answered',
        (error: NodeJS.ErrnoException) => error.code,
      )
      assert.is(code, 'ECONNRESET')
    }
    assert.is((await ask(url)).status, 200)
    assert.equal(
      server.requests.slice(0, 2).map(({ status, complete }) => [status, complete]),
      [
        [0, false],
        [0, false],
      ],
    )
  }))

test('fault: a delay', () =>
  withServer(async (server, url) => {
    server.fault('/f', { kind: 'delay', milliseconds: 120 })
    const from = performance.now()
    assert.is((await ask(url)).status, 200)
    assert.ok(performance.now() - from >= 110)
  }))

test('a request that never comes is said, with those that came', () =>
  withServer(async (server, url) => {
    await ask(url)
    const failure = await server.waitForRequest('/none', { limit: 20 }).catch((error: Error) => error.message)
    assert.is(failure, 'no request of /none: not within 0.02 s; requests so far: GET /f 200')
  }))

test('a client that goes away in the middle is told as incomplete', async () => {
  await using server = await serveFiles({ '/big': { body: Buffer.alloc(40_000_000) } })
  get(server.url('/big'), { agent: false }, (response) => response.once('data', () => response.destroy())).on(
    'error',
    () => {},
  )
  const told = await server.waitForRequest('/big', { limit: 5000 })
  assert.equal([told.status, told.complete], [200, false])
  assert.ok(told.bytesSent < 40_000_000)
})

test.run()
