import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { HttpError } from '../../src/system/http-ask.ts'
import { createHttpStream, type StreamRequest } from '../../src/system/http-stream.ts'
import { createMachineRoot } from '../../src/system/machine-root.ts'
import { temporaryDir } from './helpers/temporary.ts'

const stream = createHttpStream(createMachineRoot(temporaryDir()))

type Handler = Parameters<typeof createServer>[1]
async function serve(handle: Handler) {
  const server = createServer(handle as never)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
async function read(url: string, request: StreamRequest = {}) {
  await using answer = await stream(url, request)
  const pieces: Uint8Array[] = []
  for await (const piece of answer.body) pieces.push(piece)
  return { status: answer.status, text: Buffer.concat(pieces).toString() }
}
async function refusal(act: Promise<unknown>): Promise<HttpError> {
  const error = await act.then(
    () => undefined,
    (e: unknown) => e,
  )
  assert.instance(error, HttpError)
  return error as HttpError
}

test('a body of any size, over connections that are kept', async () => {
  const ports = new Set<number | undefined>()
  await using server = await serve((request, response) => {
    ports.add(request.socket.remotePort)
    response.end('x'.repeat(3_000_000))
  })
  for (let i = 0; i < 10; i += 1) assert.is((await read(server.url)).text.length, 3_000_000)
  // The next request may come before the last one's connection is free again.
  assert.ok(ports.size <= 2, `${ports.size}`)
})

test('what it asks for: no coding, the credentials as a header, and none of both elsewhere', async () => {
  const seen: Record<string, unknown>[] = []
  await using other = await serve((request, response) => {
    seen.push(request.headers)
    response.end('there')
  })
  await using server = await serve((request, response) => {
    seen.push(request.headers)
    response.writeHead(302, { location: `${other.url}/b` }).end()
  })
  const { text } = await read(server.url.replace('//', '//user:secret@'), { headers: { range: 'bytes=1-' } })
  assert.is(text, 'there')
  assert.is(seen[0]?.['accept-encoding'], 'identity')
  assert.is(seen[0]?.authorization, `Basic ${Buffer.from('user:secret').toString('base64')}`)
  assert.is(seen[1]?.authorization, undefined)
  assert.is(seen[1]?.range, 'bytes=1-')
})

test('a coded body is none that has ranges', async () => {
  await using server = await serve((_, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' }).end('x')
  })
  const error = await refusal(read(server.url))
  assert.is(error.facts.code, 'coded')
})

test('one that says nothing, and one that stops in the middle', async () => {
  const silent = createTcpServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const { port } = silent.address() as AddressInfo
  assert.is((await refusal(read(`http://127.0.0.1:${port}`, { idle: 100 }))).facts.code, 'timeout')
  silent.close()
  await using stops = await serve((_, response) => {
    response.writeHead(200, { 'content-length': 100 }).write('x')
  })
  assert.is((await refusal(read(stops.url, { idle: 100 }))).facts.code, 'timeout')
  await using cuts = await serve((_, response) => {
    response.writeHead(200, { 'content-length': 100 }).write('x', () => response.destroy())
  })
  assert.match((await refusal(read(cuts.url))).message, /the connection was cut/)
})

test('a reader may take its time', async () => {
  await using server = await serve((_, response) => response.end('x'.repeat(1_000_000)))
  await using answer = await stream(server.url, { idle: 200 })
  let bytes = 0
  for await (const piece of answer.body) {
    if (bytes === 0) await new Promise((resolve) => setTimeout(resolve, 500))
    bytes += piece.length
  }
  assert.is(bytes, 1_000_000)
})

test('the signal ends it, before and within', async () => {
  await using server = await serve((_, response) => {
    response.writeHead(200, { 'content-length': 100 }).write('x')
  })
  const stop = new AbortController()
  const error = await (async () => {
    await using answer = await stream(server.url, { signal: stop.signal })
    for await (const _ of answer.body) stop.abort(new Error('stop'))
  })().catch((e: unknown) => e)
  assert.is((error as Error).message, 'stop')
  const before = await stream(server.url, { signal: stop.signal }).catch((e: unknown) => e)
  assert.is((before as Error).message, 'stop')
})

test('what is no address, and nobody there', async () => {
  assert.is((await refusal(read('ftp://a/b'))).facts.code, 'bad-url')
  const free = createTcpServer()
  await new Promise<void>((resolve) => free.listen(0, '127.0.0.1', resolve))
  const { port } = free.address() as AddressInfo
  await new Promise((resolve) => free.close(resolve))
  const error = await refusal(read(`http://user:secret@127.0.0.1:${port}/x?token=abc`))
  assert.is(error.facts.code, 'ECONNREFUSED')
  assert.not.match(error.message, /secret|abc/)
})

test.run()
