import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type DeliverDeps, deliverImage } from '../../src/root/deliver/deliver.ts'
import { planDelivery } from '../../src/root/deliver/plan-delivery.ts'
import { keyOf, lengthOf, zeroChunks } from '../../src/root/manifest/index.ts'
import { parseManifest } from '../../src/root/manifest/manifest.ts'
import { packLayout } from '../../src/root/manifest/pack.ts'
import { imageNames } from '../../src/root/names.ts'
import { systemClock } from '../../src/system/clock.ts'
import { createHttp } from '../../src/system/http.ts'
import { createHttpStream } from '../../src/system/http-stream.ts'
import { createMachineRoot } from '../../src/system/machine-root.ts'
import { randomBytesOf } from '../block/helpers/random-bytes.ts'
import { manifestOf, packOf } from './helpers/image-manifest.ts'
import { imageServer, type ServedImage } from './helpers/image-server.ts'
import { temporaryDir } from './helpers/temporary.ts'

const MIB = 2 ** 20
const names = imageNames()
const { signal } = new AbortController()
const root = createMachineRoot(temporaryDir())
const deps: DeliverDeps = {
  ...{ http: createHttp(root), stream: createHttpStream(root), clock: systemClock, signal },
}
const pace = { firstWait: 1, longestWait: 5, limit: 300 }

/** As small as half when it is packed. */
const text = (seed: string, bytes: number) => Buffer.from(randomBytesOf(seed, bytes / 2).toString('hex'))
const repeated = text('repeated', MIB)
const OLD = Buffer.concat([text('first', 3 * MIB), repeated, Buffer.alloc(2 * MIB), text('last', 2 * MIB)])
const NEW = Buffer.from(OLD)
text('change', 200_000).copy(NEW, MIB)
// At another place, and once more.
const TWICE = Buffer.concat([NEW, repeated])

const { manifest: MANIFEST, pack: PACK } = await packOf(TWICE)
const { index, pack: LAYOUT } = parseManifest(MANIFEST)

async function withOld(): Promise<string> {
  const hostpart = temporaryDir()
  mkdirSync(join(hostpart, '.speediso/manifests'), { recursive: true })
  writeFileSync(join(hostpart, 'hn-root.img'), OLD)
  writeFileSync(join(hostpart, '.speediso/manifests/old.json'), await manifestOf(OLD))
  return hostpart
}

async function delivered(files: Record<string, ServedImage | Buffer>, hostpart: string) {
  await using server = await imageServer(files)
  const url = `${server.url}/a.img`
  const said: string[] = []
  const plan = await planDelivery(url, { hostpart, names }, { keys: [] }, deps)
  const done = await deliverImage(
    url,
    { hostpart, names },
    { keys: [], pace, reserve: 0 },
    { ...deps, say: (line) => said.push(line) },
  )
  assert.ok(readFileSync(done.file).equals(TWICE))
  const asked = (path: string) => server.requests.filter((request) => request.path === path)
  return { done, plan, said, packed: asked('/a.img.chunks'), plain: asked('/a.img') }
}

const SERVED = { '/a.img': TWICE, '/a.img.json': MANIFEST, '/a.img.chunks': PACK }

test('a pack has each chunk once, none of zeros, and is smaller', () => {
  assert.ok(LAYOUT !== undefined)
  assert.is(LAYOUT.size, PACK.length)
  assert.ok(PACK.length < 0.6 * TWICE.length)
  const zero = zeroChunks(index)
  const first = new Map<string, number>()
  let twice = 0
  for (let chunk = 0; chunk < index.count; chunk += 1) {
    const key = keyOf(index, chunk)
    const origin = first.get(key)
    if (origin !== undefined && zero[chunk] === 0) twice += 1
    if (origin === undefined) first.set(key, chunk)
    if (zero[chunk] === 0) assert.is(LAYOUT.originOf(chunk), origin ?? chunk)
    assert.is(LAYOUT.lengthOf(chunk) > 0, origin === undefined && zero[chunk] === 0)
  }
  assert.ok(twice > 5, `${twice}`)
})

test('what is missing is fetched from the pack alone, as the plan says', async () => {
  const { done, plan, said, packed, plain } = await delivered(SERVED, await withOld())
  assert.equal([plain.length, said], [0, []])
  assert.ok(packed.every(({ range }) => range !== undefined))
  assert.is(done.fetchedBytes, plan.plan?.fetchBytes)
  const { missingBytes = 0, hereBytes = 0, zeroBytes = 0 } = plan.plan ?? {}
  assert.ok(done.fetchedBytes < 0.6 * missingBytes, `${done.fetchedBytes} of ${missingBytes}`)
  assert.is(missingBytes + hereBytes + zeroBytes, TWICE.length)
})

test('an empty host takes all of it from the pack, also when the server sends no parts', async () => {
  for (const ranges of [undefined, false] as const) {
    const files = { ...SERVED, '/a.img.chunks': { bytes: PACK, ...(ranges === false ? { ranges } : {}) } }
    const { done, packed, plain } = await delivered(files, temporaryDir())
    assert.is(plain.length, 0)
    assert.is(done.fetchedBytes, PACK.length)
    assert.is(packed.length >= 1, true)
  }
})

test('a pack that is missing, has another size or other content is done without, and that is said', async () => {
  const { '/a.img.chunks': _, ...without } = SERVED
  const other = Buffer.from(PACK)
  for (let at = 100; at < other.length; at += 20_000) other[at] = (other[at] ?? 0) ^ 0xff
  const cases: [Record<string, ServedImage | Buffer>, RegExp][] = [
    [without, /a\.img\.chunks: HTTP status 404.*; the image itself is fetched$/],
    [
      { ...SERVED, '/a.img.chunks': PACK.subarray(1) },
      /has \d+ bytes, and \d+ by its manifest.*; the image itself/,
    ],
    [{ ...SERVED, '/a.img.chunks': { bytes: PACK, spoil: () => 503 } }, /HTTP status 503; the image itself/],
    [{ ...SERVED, '/a.img.chunks': { bytes: PACK, coded: true } }, /; the image itself is fetched$/],
    [{ ...SERVED, '/a.img.chunks': other }, /came damaged twice.*; the image itself is fetched$/],
  ]
  for (const [files, told] of cases) {
    const { said, plain } = await delivered(files, await withOld())
    assert.match(said.at(-1) ?? '', told)
    assert.ok(plain.length > 0)
  }
})

test('a frame that came damaged once is fetched again', async () => {
  const spoil = (request: number, body: Buffer) => (request === 0 ? Buffer.alloc(body.length, 7) : body)
  const { said, plain } = await delivered(
    { ...SERVED, '/a.img.chunks': { bytes: PACK, spoil } },
    await withOld(),
  )
  assert.match(said.join(), 'came damaged, and is fetched again')
  assert.is(plain.length, 0)
})

test('a frame that unpacks to more than its chunk is not unpacked any further', async () => {
  const { zstdCompressSync } = await import('node:zlib')
  const bomb = zstdCompressSync(Buffer.alloc(64 * MIB))
  assert.ok(LAYOUT !== undefined)
  let error: unknown
  await LAYOUT.open(0, bomb).catch((thrown: unknown) => {
    error = thrown
  })
  assert.is((error as NodeJS.ErrnoException)?.code, 'ERR_BUFFER_TOO_LARGE')
  const first = PACK.subarray(0, LAYOUT.lengthOf(0))
  assert.is((await LAYOUT.open(0, first)).length, lengthOf(index, 0))
})

test('a manifest whose lengths are not those of its chunks is none; a pack of another kind is left alone', async () => {
  const document = JSON.parse(MANIFEST.toString())
  const lengths = Buffer.from(document.chunks.packed.lengths, 'base64')
  const withLengths = (bytes: Buffer, algorithm = 'zstd/1') => {
    const packed = { algorithm, lengths: bytes.toString('base64') }
    return Buffer.from(JSON.stringify({ ...document, chunks: { ...document.chunks, packed } }))
  }
  const changed = (chunk: number, length: number) => {
    const bytes = Buffer.from(lengths)
    bytes.writeUInt32LE(length, chunk * 4)
    return bytes
  }
  const zero = zeroChunks(index).indexOf(1)
  assert.throws(() => parseManifest(withLengths(lengths.subarray(4))), /lengths for \d+ chunks/)
  for (const [chunk, length] of [
    [0, 0],
    [zero, 5],
    [0, 300_000],
  ] as const)
    assert.throws(
      () => parseManifest(withLengths(changed(chunk, length))),
      new RegExp(`chunk ${chunk} has a frame of ${length} bytes`),
    )
  assert.not.throws(() => packLayout(index, lengths))
  const unknown = withLengths(lengths, 'brotli/7')
  assert.is(parseManifest(unknown).pack, undefined)
  const { packed, plain } = await delivered({ ...SERVED, '/a.img.json': unknown }, temporaryDir())
  assert.equal([packed.length, plain.length > 0], [0, true])
})

test('a file is copied, whatever lies beside it', async () => {
  const folder = temporaryDir()
  for (const [name, bytes] of Object.entries(SERVED)) writeFileSync(join(folder, name), bytes)
  rmSync(join(folder, 'a.img.chunks'))
  const hostpart = await withOld()
  const { file } = await deliverImage(
    join(folder, 'a.img'),
    { hostpart, names },
    { keys: [], pace, reserve: 0 },
    deps,
  )
  assert.ok(readFileSync(file).equals(TWICE))
  assert.is(readdirSync(join(hostpart, '.speediso/incoming')).length, 1)
})

test.run()
