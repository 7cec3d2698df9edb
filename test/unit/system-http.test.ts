import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createHttp } from '../../src/system/http.ts'
import { HttpError } from '../../src/system/http-ask.ts'
import { createMachineRoot } from '../../src/system/machine-root.ts'
import { temporaryDir } from './helpers/temporary.ts'

const dir = temporaryDir()
const http = createHttp(createMachineRoot(dir))

/** A server on a free port, closed with the scope. */
async function serve(
  handle: RequestListener,
  server: Server = createServer(),
): Promise<{ port: number } & AsyncDisposable> {
  server.on('request', handle)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function refusal(act: Promise<unknown>): Promise<HttpError> {
  const error = await act.then(
    () => undefined,
    (e: unknown) => e,
  )
  assert.instance(error, HttpError)
  return error as HttpError
}

test('whatever status it has, an answer is an answer', async () => {
  await using server = await serve((request, response) => {
    response
      .writeHead(request.url === '/no' ? 500 : 200, { 'x-a': 'b' })
      .end(`${request.method} ${request.url}`)
  })
  const answer = await http(`http://127.0.0.1:${server.port}/no`)
  assert.is(answer.status, 500)
  assert.is(answer.headers.get('x-a'), 'b')
  assert.is(answer.body.toString(), 'GET /no')
  const posted = await http(`http://127.0.0.1:${server.port}/p`, { method: 'POST', body: 'x' })
  assert.is(posted.body.toString(), 'POST /p')
})

test('user and password of a URL go as a header, and into no message', async () => {
  let seen: string | undefined
  await using server = await serve((request, response) => {
    seen = request.headers.authorization
    response.destroy()
  })
  const error = await refusal(http(`http://me:p%40ss@127.0.0.1:${server.port}/`))
  assert.is(seen, `Basic ${Buffer.from('me:p@ss').toString('base64')}`)
  assert.is(error.message, `http://***@127.0.0.1:${server.port}/: the connection was cut`)
})

test('a GET goes where it is sent, with its credentials for its own server only; a POST does not', async () => {
  const seen: [string | undefined, string | undefined][] = []
  await using other = await serve((request, response) => {
    seen.push([request.url, request.headers.authorization])
    response.end('there')
  })
  await using server = await serve((request, response) => {
    seen.push([request.url, request.headers.authorization])
    const to =
      request.url === '/a' ? '/b' : request.url === '/loop' ? '/loop' : `http://127.0.0.1:${other.port}/c`
    response.writeHead(302, { location: to }).end()
  })
  const base = `127.0.0.1:${server.port}`
  assert.is((await http(`http://u:100%@${base}/a`)).body.toString(), 'there')
  const basic = `Basic ${Buffer.from('u:100%').toString('base64')}`
  assert.equal(seen, [
    ['/a', basic],
    ['/b', basic],
    ['/c', undefined],
  ])
  assert.is((await http(`http://${base}/loop`)).status, 302)
  assert.is((await http(`http://${base}/a`, { method: 'POST', body: 'x' })).status, 302)
})

test('nobody there, and no such host', async () => {
  const { port } = await (async () => {
    await using server = await serve(() => {})
    return server
  })()
  const error = await refusal(http(`http://127.0.0.1:${port}/`))
  assert.match(error.message, /connection refused$/)
  assert.is(error.facts.code, 'ECONNREFUSED')
  assert.match(
    (await refusal(http('http://no-such-host.invalid/'))).message,
    /no such host|cannot be resolved/,
  )
  assert.match((await refusal(http('ftp://host/'))).message, 'no http or https URL')
})

test('a server that accepts and says nothing costs the timeout and no more', async () => {
  await using server = await serve(() => {})
  const error = await refusal(http(`http://127.0.0.1:${server.port}/`, { timeout: 200 }))
  assert.is(error.facts.code, 'timeout')
})

test('the caller ends it by the signal, with the reason of the signal', async () => {
  await using server = await serve(() => {})
  const stop = new AbortController()
  const asked = http(`http://127.0.0.1:${server.port}/`, { signal: stop.signal })
  stop.abort(new Error('enough'))
  await asked.then(
    () => assert.unreachable(),
    (error: Error) => assert.is(error.message, 'enough'),
  )
})

test('an answer of 100 MB is not read: said beforehand, not said, and packed', async () => {
  let written = 0
  await using server = await serve((request, response) => {
    if (request.url === '/length') response.writeHead(200, { 'content-length': 100e6 })
    if (request.url === '/gzip') {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(100e6)))
      return
    }
    const more = () => {
      while (written < 100e6 && !response.destroyed) {
        written += 65_536
        if (!response.write(Buffer.alloc(65_536))) return
      }
      response.end()
    }
    response.on('drain', more)
    more()
  })
  for (const path of ['length', 'chunked', 'gzip']) {
    written = 0
    const error = await refusal(http(`http://127.0.0.1:${server.port}/${path}`))
    assert.is(error.facts.code, 'too-large', path)
    assert.ok(written < 20e6, `${path}: ${written} bytes were read`)
  }
})

test('an answer that is cut off is none', async () => {
  const raw = createTcpServer((socket) => {
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf'))
  })
  await new Promise<void>((resolve) => raw.listen(0, '127.0.0.1', resolve))
  try {
    await refusal(http(`http://127.0.0.1:${(raw.address() as AddressInfo).port}/`))
  } finally {
    raw.close()
  }
})

test('https trusts this machine own authorities, and nobody else', async () => {
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')]
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'].concat([
      '-keyout',
      key,
      '-out',
      cert,
      '-subj',
      '/CN=test',
      '-addext',
      'subjectAltName=IP:127.0.0.1',
    ]),
    { stdio: 'ignore' },
  )
  const tls = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) })
  let heard = 0
  await using plain = await serve((_, response) => {
    heard += 1
    // And back to https, as if nothing had been.
    response.writeHead(302, { location: url }).end()
  })
  await using server = await serve((request, response) => {
    if (request.url === '/down')
      response.writeHead(302, { location: `http://127.0.0.1:${plain.port}/` }).end()
    else response.end('secret')
  }, tls)
  const url = `https://127.0.0.1:${server.port}/`
  assert.match((await refusal(http(url))).message, 'signed by itself')
  mkdirSync(join(dir, 'etc/ssl/certs'), { recursive: true })
  writeFileSync(join(dir, 'etc/ssl/certs/ca-certificates.crt'), `# a comment\n${readFileSync(cert, 'utf8')}`)
  const trusting = createHttp(createMachineRoot(dir))
  assert.is((await trusting(url)).body.toString(), 'secret')
  assert.is((await refusal(trusting(`${url}down`))).facts.code, 'downgrade')
  assert.is(heard, 0, 'it was not even asked')
})

test.run()
