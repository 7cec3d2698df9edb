import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { InputError } from '../../src/errors.ts'
import { type DeliverOptions, deliverImage } from '../../src/root/deliver/deliver.ts'
import { MANIFEST_LIMIT, SIGNATURE_LIMIT } from '../../src/root/manifest/schema.ts'
import { imageNames } from '../../src/root/names.ts'
import { judgeFile, readSidecars } from '../../src/root/observe/candidate.ts'
import { finishSidecars } from '../../src/root/sidecars.ts'
import { systemClock } from '../../src/system/clock.ts'
import { createHttp } from '../../src/system/http.ts'
import { createHttpStream } from '../../src/system/http-stream.ts'
import { createMachineRoot } from '../../src/system/machine-root.ts'
import { randomBytesOf } from '../block/helpers/random-bytes.ts'
import { manifestOf } from './helpers/image-manifest.ts'
import { temporaryDir } from './helpers/temporary.ts'

const MIB = 2 ** 20
const names = imageNames()
const root = createMachineRoot(temporaryDir())
const signal = new AbortController().signal
const deps = { http: createHttp(root), stream: createHttpStream(root), clock: systemClock }
/** Milliseconds: what hangs is told, and not waited for. */
const PATIENCE = 15_000
const deliver = (from: string, hostpart: string, options: Partial<DeliverOptions> = {}) =>
  deliverImage(
    from,
    { hostpart, names },
    { keys: [], pace: { firstWait: 1, longestWait: 5, limit: 300 }, reserve: 0, ...options },
    { ...deps, signal: AbortSignal.timeout(PATIENCE) },
  )
const failure = async (act: Promise<unknown>): Promise<Error> => {
  const error = await act.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  assert.instance(error, Error)
  return error as Error
}
const incoming = (hostpart: string) => readdirSync(join(hostpart, '.speediso/incoming')).sort()

const IMAGE = randomBytesOf('image', 2 * MIB)
const MANIFEST = await manifestOf(IMAGE)

/** A web server that answers as it likes; closed with the scope. */
async function server(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const made = createServer(answer)
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(made.address() as AddressInfo).port}/a.img`,
    async [Symbol.asyncDispose]() {
      made.closeAllConnections()
      await new Promise((resolve) => made.close(resolve))
    },
  }
}

/** After what was asked for: more and more, or nothing at all; never an end. */
const ENDLESS = {
  trickle(response: ServerResponse) {
    const timer = setInterval(() => response.write('and on'), 5)
    response.on('close', () => clearInterval(timer))
  },
  silence() {},
}

for (const [what, goOn] of Object.entries(ENDLESS)) {
  for (const ranges of [true, false])
    test(`an answer without an end, ${what}, ${ranges ? 'a part' : 'the whole'}: what is wanted is enough`, async () => {
      await using served = await server(({ url, headers }, response) => {
        if (url === '/a.img.json') return response.end(MANIFEST)
        if (url !== '/a.img') return response.writeHead(404).end()
        const [, from, last] = (ranges && /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '')) || []
        const end = last === undefined ? IMAGE.length : Number(last) + 1
        if (from !== undefined)
          response.writeHead(206, { 'content-range': `bytes ${from}-${end - 1}/${IMAGE.length}` })
        response.write(IMAGE.subarray(Number(from ?? 0), end))
        goOn(response)
        return undefined
      })
      const hostpart = temporaryDir()
      const { file, fetchedBytes } = await deliver(served.url, hostpart)
      assert.equal(readFileSync(file), IMAGE)
      assert.ok(fetchedBytes < IMAGE.length + MIB, `${fetchedBytes}`)
    })

  test(`no manifest, gone on with, ${what}: the length that was told is the end`, async () => {
    let asked = 0
    await using served = await server(({ url, headers }, response) => {
      if (url !== '/a.img') return response.writeHead(404).end()
      asked += 1
      if (asked === 1) {
        response.writeHead(200, { etag: '"a"', 'content-length': IMAGE.length })
        return response.write(IMAGE.subarray(0, MIB), () => setTimeout(() => response.destroy(), 50))
      }
      const [, from] = /^bytes=(\d+)-$/.exec(headers.range ?? '') ?? []
      const range = `bytes ${from}-${IMAGE.length - 1}/${IMAGE.length}`
      response.writeHead(206, { etag: '"a"', 'content-range': range })
      response.write(IMAGE.subarray(Number(from)))
      goOn(response)
      return undefined
    })
    const hostpart = temporaryDir()
    const { file } = await deliver(served.url, hostpart)
    assert.ok(asked > 1)
    assert.equal(readFileSync(file), IMAGE)
  })
}

test('control: an answer that ends before all of it is there is asked for again', async () => {
  let asked = 0
  await using served = await server(({ url }, response) => {
    if (url === '/a.img.json') return response.end(MANIFEST)
    if (url !== '/a.img') return response.writeHead(404).end()
    asked += 1
    response.write(IMAGE.subarray(0, asked === 1 ? MIB : IMAGE.length))
    return response.end()
  })
  assert.equal(readFileSync((await deliver(served.url, temporaryDir())).file), IMAGE)
  assert.is(asked, 2)
})

test('no length told: the reserve is looked at all the same, and what nobody can go on with goes', async () => {
  for (const etag of ['"a"', undefined]) {
    await using served = await server(({ url }, response) => {
      if (url !== '/a.img') return response.writeHead(404).end()
      response.writeHead(200, etag === undefined ? {} : { etag })
      return response.end(IMAGE)
    })
    const hostpart = temporaryDir()
    const error = await failure(deliver(served.url, hostpart, { reserve: 2 ** 52 }))
    assert.match(error.message, /[\d.]+ [kMGT]?B free, and [\d.]+ [kMG]?B are to be written/)
    assert.is(incoming(hostpart).length, etag === undefined ? 0 : 2, incoming(hostpart).join())
    assert.equal(readFileSync((await deliver(served.url, hostpart)).file), IMAGE)
  }
})

test('no validator any more: what is remembered of an earlier attempt does not count for what came since', async () => {
  const other = randomBytesOf('other', IMAGE.length)
  let asked = 0
  await using served = await server(({ url, headers }, response) => {
    if (url !== '/a.img') return response.writeHead(404).end()
    asked += 1
    if (asked > 2) {
      const [, from] = /^bytes=(\d+)-$/.exec(headers.range ?? '') ?? []
      if (from === undefined) return response.writeHead(200, { 'content-length': IMAGE.length }).end(IMAGE)
      const range = `bytes ${from}-${IMAGE.length - 1}/${IMAGE.length}`
      return response
        .writeHead(206, { etag: '"a"', 'content-range': range })
        .end(IMAGE.subarray(Number(from)))
    }
    // At first the right content with its name; then, for once, another one without.
    const [bytes, named] = asked === 1 ? [IMAGE, { etag: '"a"' }] : [other, {}]
    response.writeHead(200, { ...named, 'content-length': IMAGE.length })
    return response.write(bytes.subarray(0, MIB), () => setTimeout(() => response.destroy(), 50))
  })
  assert.equal(readFileSync((await deliver(served.url, temporaryDir())).file), IMAGE)
})

/** So large that nobody reads it; takes no room. */
function huge(path: string, bytes: number): void {
  writeFileSync(path, '')
  truncateSync(path, bytes)
}

test('what lies beside an image and is too large is told, and not read', async () => {
  for (const [ending, limit] of [
    ['.json', MANIFEST_LIMIT],
    ['.json.sig', SIGNATURE_LIMIT],
  ] as const) {
    const hostpart = temporaryDir()
    const file = join(hostpart, names.new)
    for (const [name, bytes] of [
      ['', IMAGE],
      ['.json', MANIFEST],
    ] as const)
      writeFileSync(`${file}${name}`, bytes)
    huge(`${file}${ending}`, limit + 1)
    const exec = () => Promise.reject(new Error('nothing is run'))
    const verdict = await judgeFile(file, { exec, signal, folder: '/run', keys: [], denied: [] })
    assert.not(verdict.accepted)
    assert.match(
      verdict.accepted ? '' : verdict.reason,
      `${names.new}${ending} has ${limit + 1} bytes, and may have ${limit}`,
    )
    const error = await failure(deliver(file, temporaryDir()))
    assert.instance(error, InputError)
    assert.match(error.message, `${ending}: has ${limit + 1} bytes`)
    await using served = await server(({ url }, response) => {
      if (url === '/a.img.json' && ending !== '.json') return response.end(MANIFEST)
      if (url !== `/a.img${ending}`) return response.writeHead(404).end()
      return response.writeHead(200, { 'content-length': limit + 1 }).write('x')
    })
    assert.match((await failure(deliver(served.url, temporaryDir()))).message, `more than ${limit} bytes`)
    // At the limit it is read.
    if (ending !== '.json.sig') continue
    huge(`${file}${ending}`, limit)
    assert.is((await readSidecars(file)).signature?.length, limit)
  }
})

test('one that is too large stays where it is, as any other that somebody brings before the image', async () => {
  const hostpart = temporaryDir()
  const manifest = join(hostpart, `${names.new}.json`)
  huge(manifest, 3 * 2 ** 30)
  await finishSidecars(hostpart, names, undefined)
  assert.ok(existsSync(manifest))
})

test('a pipe beside a file that is delivered is not waited for', async () => {
  const file = join(temporaryDir(), 'a.img')
  writeFileSync(file, IMAGE)
  execFileSync('mkfifo', [`${file}.json`])
  assert.match((await failure(deliver(file, temporaryDir()))).message, /a\.img\.json: is no file/)
})

test('a source among the partial downloads is told, and stays', async () => {
  const hostpart = temporaryDir()
  const folder = join(hostpart, '.speediso/incoming')
  mkdirSync(join(folder, 'below'), { recursive: true })
  const linked = join(temporaryDir(), 'hostpart')
  symlinkSync(hostpart, linked)
  const outside = join(temporaryDir(), 'outside.img')
  writeFileSync(outside, IMAGE)
  symlinkSync(outside, join(folder, 'link.img'))
  symlinkSync(join(folder, 'mine.img'), join(hostpart, 'to-mine.img'))
  for (const name of ['mine.img', 'below/mine.img']) writeFileSync(join(folder, name), IMAGE)
  for (const source of [
    join(folder, 'mine.img'),
    join(folder, 'below/mine.img'),
    join(linked, '.speediso/incoming/mine.img'),
    join(folder, 'link.img'),
    join(hostpart, 'to-mine.img'),
  ]) {
    const error = await failure(deliver(source, hostpart))
    assert.instance(error, InputError, source)
    assert.match(error.message, /lies where partial downloads are cleared away/)
    assert.equal(incoming(hostpart), ['below', 'link.img', 'mine.img'])
  }
  assert.equal(readFileSync(join(folder, 'mine.img')), IMAGE)
  // Control: from anywhere else, also from hostpart, it is taken.
  const beside = join(hostpart, 'beside.img')
  writeFileSync(beside, IMAGE)
  assert.equal(readFileSync((await deliver(beside, hostpart)).file), IMAGE)
})

test.run()
