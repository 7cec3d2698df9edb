import { writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CliContext } from '../../src/cli/context.ts'
import { describeDelivered, tellUndelivered } from '../../src/cli/root/stage-verdict.ts'
import { InputError } from '../../src/errors.ts'
import { DeliveryError } from '../../src/root/deliver/errors.ts'
import { makeManifest, manifestBytes } from '../../src/root/manifest/manifest.ts'
import { HttpError } from '../../src/system/http-ask.ts'
import { randomBytesOf } from '../block/helpers/random-bytes.ts'
import { imageServer } from './helpers/image-server.ts'
import { speediso } from './helpers/program.ts'
import { temporaryDir } from './helpers/temporary.ts'

const hostpart = () => temporaryDir()
const stage = (url: string, dir: string, ...more: string[]) =>
  speediso(['root', 'stage', url, '--hostpart', dir, ...more])

const NEW = randomBytesOf('new', 6 * 2 ** 20)
async function manifestOf(bytes: Uint8Array) {
  const file = join(temporaryDir(), 'image')
  writeFileSync(file, bytes)
  const described = {
    ...{ image: '0f1e2d3c-4b5a-4968-8776-655443322110', version: '2', kernelRelease: '6.1' },
    created: '2026-01-02T03:04:05Z',
  }
  return manifestBytes(await makeManifest(file, described, { signal: new AbortController().signal }))
}

/** A web server that answers every request in the same way; closed with the scope. */
async function answering(answer: (response: ServerResponse) => void) {
  const server = createServer((_, response) => answer(response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/a.img`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

test('nothing at that address, with and without --plan: that is told, exit code 1, one JSON document', async () => {
  for (const [status, ...more] of [
    [404, '--plan'],
    [404],
    [404, '--plan', '--json'],
    [410, '--json'],
    [403, '--plan'],
  ] as const) {
    await using server = await answering((response) => response.writeHead(status).end('no'))
    const { code, stdout, stderr } = await stage(server.url, hostpart(), ...more)
    assert.is(code, 1, stderr)
    assert.match(
      stderr,
      new RegExp(`^speediso: http:[^\\n]*a\\.img[^\\n]*: HTTP status ${status}[^\\n]*\\n$`),
    )
    assert.is(/there is nothing at this address/.test(stderr), status !== 403)
    if (!more.includes('--json' as never)) assert.is(stdout, '')
    else {
      const { outcome, reason } = JSON.parse(stdout)
      assert.is(outcome, 'failed')
      assert.match(reason, `HTTP status ${status}`)
    }
  }
})

test('a web page in place of the manifest, or of the image, is told as one', async () => {
  const html = '<!DOCTYPE html>\n<html><body>log in</body></html>'
  await using login = await answering((response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end(html),
  )
  for (const plan of [['--plan'], []]) {
    const { code, stdout } = await stage(login.url, hostpart(), ...plan)
    assert.is(code, 1)
    assert.match(stdout, /^refused: .*a\.img: the server sent a web page in place of the manifest/)
  }
  const server = createServer(({ url }, response) => {
    if (url !== '/a.img') return response.writeHead(404).end()
    return response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(html)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/a.img`
    for (const plan of [['--plan'], []]) {
      const { code, stderr } = await stage(url, hostpart(), ...plan)
      assert.is(code, 1, stderr)
      assert.match(stderr, /a\.img: the server sent a web page in place of the image/)
    }
  } finally {
    server.closeAllConnections()
    server.close()
  }
  // Control: what is no JSON and no page is called that.
  await using broken = await imageServer({ '/a.img': NEW, '/a.img.json': Buffer.from('{"schema": ') })
  assert.match((await stage(`${broken.url}/a.img`, hostpart(), '--plan')).stdout, /its manifest is no JSON/)
})

test('damaged twice, another size: exit code 1, and a reason; what is wrong input stays 2', async () => {
  const manifest = await manifestOf(NEW)
  const other = randomBytesOf('other', NEW.length)
  await using server = await imageServer({
    ...{ '/a.img': other, '/a.img.json': manifest },
    ...{ '/b.img': NEW.subarray(1), '/b.img.json': manifest },
  })
  for (const [name, what] of [
    ['a', /came damaged twice/],
    ['b', /has 6291455 bytes, and 6291456 by its manifest/],
  ] as const) {
    const { code, stdout } = await stage(`${server.url}/${name}.img`, hostpart(), '--json')
    assert.is(code, 1)
    const { outcome, reason } = JSON.parse(stdout)
    assert.is(outcome, 'failed')
    assert.match(reason, what)
  }
  const dir = hostpart()
  writeFileSync(join(dir, 'system-revert'), '')
  assert.is((await stage(`${server.url}/a.img`, dir)).code, 2)
})

test('a reason is only what tells one: anything else, and a signal, is thrown on', () => {
  const written: string[] = []
  const stream = { write: (text: string) => written.push(text) }
  const context = (stop: AbortController) =>
    ({ stdout: stream, stderr: stream, signal: stop.signal }) as unknown as CliContext
  const told = (error: unknown, stop = new AbortController()) => {
    try {
      return tellUndelivered(error, { json: false, plan: false }, context(stop))
    } catch (thrown) {
      return thrown
    }
  }
  const defect = new TypeError('x is not a function')
  assert.is(told(defect), defect)
  const input = new InputError('wrong')
  assert.is(told(input), input)
  const stop = new AbortController()
  stop.abort(new Error('ended by SIGTERM'))
  assert.is(told(new DeliveryError('cut'), stop), stop.signal.reason)
  assert.equal(written, [])
  for (const error of [
    new DeliveryError('cut'),
    new HttpError('no such host', { facts: { code: 'ENOTFOUND' } }),
    Object.assign(new Error('EROFS: read-only'), { code: 'EROFS', syscall: 'open' }),
  ])
    assert.is(told(error), 'failed')
  assert.is(written.length, 3)
})

test('where the bytes came from: nothing that is nothing, and a file is copied', () => {
  const bytes = (fetchedBytes: number, copiedBytes: number, reusedBytes: number) => ({
    ...{ fetchedBytes, copiedBytes, reusedBytes },
  })
  assert.is(describeDelivered(bytes(448_400_000, 0, 0), true), 'here: 448.4 MB copied')
  assert.is(describeDelivered(bytes(448_400_000, 0, 0), false), 'here: 448.4 MB fetched')
  assert.is(
    describeDelivered(bytes(1e6, 2e6, 3e6), false),
    'here: 1.0 MB fetched, 2.0 MB copied from images here, 3.0 MB were here already',
  )
  assert.is(describeDelivered(bytes(0, 0, 0), false), undefined)
})

test.run()
