import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { InputError } from '../../src/errors.ts'
import { type DeliverDeps, type DeliverOptions, deliverImage } from '../../src/root/deliver/deliver.ts'
import { FinalDeliveryError } from '../../src/root/deliver/errors.ts'
import { writeAt } from '../../src/root/deliver/part-file.ts'
import { findInSeed, mergeRuns, sharedInPlace, wantedChunks } from '../../src/root/deliver/plan.ts'
import { strongValidator } from '../../src/root/deliver/source.ts'
import { lengthOf, zeroChunks } from '../../src/root/manifest/index.ts'
import { parseManifest } from '../../src/root/manifest/manifest.ts'
import { scanFile } from '../../src/root/manifest/scan.ts'
import { signManifest } from '../../src/root/manifest/signature.ts'
import { imageNames } from '../../src/root/names.ts'
import { systemClock } from '../../src/system/clock.ts'
import { createHttp } from '../../src/system/http.ts'
import { createHttpStream } from '../../src/system/http-stream.ts'
import { createMachineRoot } from '../../src/system/machine-root.ts'
import { randomBytesOf } from '../block/helpers/random-bytes.ts'
import { manifestOf } from './helpers/image-manifest.ts'
import { imageServer, type ServedImage } from './helpers/image-server.ts'
import { temporaryDir } from './helpers/temporary.ts'

const dir = temporaryDir()
const root = createMachineRoot(dir)
const MIB = 2 ** 20
const names = imageNames()
const signal = new AbortController().signal
const deps: DeliverDeps = {
  http: createHttp(root),
  stream: createHttpStream(root),
  clock: systemClock,
  signal,
}
const fast = { firstWait: 1, longestWait: 5, limit: 300 }
/** A hostpart of its own for each case. */
function host() {
  const hostpart = mkdtempSync(join(dir, 'hostpart-'))
  mkdirSync(join(hostpart, '.speediso/manifests'), { recursive: true })
  return hostpart
}
const deliver = (
  from: string,
  hostpart: string,
  options: Partial<DeliverOptions> = {},
  more: Partial<DeliverDeps> = {},
) =>
  deliverImage(
    from,
    { hostpart, names },
    { keys: [], pace: fast, reserve: 0, ...options },
    { ...deps, ...more },
  )
const failure = async (act: Promise<unknown>): Promise<Error> => {
  const error = await act.then(
    () => undefined,
    (e: unknown) => e,
  )
  assert.instance(error, Error)
  return error as Error
}
/** An image on hostpart, with its manifest when it is known. */
async function install(hostpart: string, name: string, bytes: Buffer, known = true) {
  writeFileSync(join(hostpart, name), bytes)
  if (!known) return
  const manifest = await manifestOf(bytes)
  writeFileSync(
    join(hostpart, '.speediso/manifests', `${parseManifest(manifest).manifest.sha256}.json`),
    manifest,
  )
}

// Data, a large hole, data, and the same data again.
const repeated = randomBytesOf('repeated', MIB)
const OLD = Buffer.concat([
  randomBytesOf('first', 4 * MIB),
  repeated,
  Buffer.alloc(6 * MIB),
  randomBytesOf('last', 4 * MIB),
])
const NEW = Buffer.from(OLD)
randomBytesOf('change', 100_000).copy(NEW, 2 * MIB)
repeated.copy(NEW, 8 * MIB)
randomBytesOf('change too', 5_000).copy(NEW, 13 * MIB)
const served = async (bytes: Buffer, more: Partial<ServedImage> = {}) => ({
  '/a.img': { bytes, ...more },
  '/a.img.json': await manifestOf(bytes),
})

test('nothing here: all of it comes once, and holes stay holes', async () => {
  await using server = await imageServer(await served(NEW))
  const hostpart = host()
  const seen: number[] = []
  const result = await deliver(
    `${server.url}/a.img`,
    hostpart,
    {},
    {
      progress: ({ fetched, copied, reused, zero }) => seen.push(fetched + copied + reused + zero),
    },
  )
  assert.equal(readFileSync(result.file), NEW)
  assert.is(result.file, join(hostpart, '.speediso/incoming', `${result.sha256}.part`))
  assert.is(Buffer.from(result.manifest ?? '').equals(await manifestOf(NEW)), true)
  const { fetchedBytes, copiedBytes, reusedBytes, zeroBytes } = result
  assert.equal([copiedBytes, reusedBytes], [0, 0])
  // What stands there twice comes once, as far as its chunks are the same.
  assert.ok(fetchedBytes + zeroBytes < NEW.length - 512 * 1024, `${fetchedBytes} + ${zeroBytes}`)
  assert.ok(zeroBytes >= 3 * MIB)
  assert.ok(statSync(result.file).blocks * 512 < NEW.length - 3 * MIB)
  assert.equal(
    seen,
    seen.toSorted((a, b) => a - b),
  )
  assert.is(
    server.requests.filter(({ path }) => path === '/a.img').every(({ range }) => range !== undefined),
    true,
  )
})

test('a delta: only what no image here has comes over the network', async () => {
  await using server = await imageServer(await served(NEW))
  const hostpart = host()
  await install(hostpart, 'hn-root.img', OLD)
  const { file, fetchedBytes, copiedBytes, reusedBytes, zeroBytes } = await deliver(
    `${server.url}/a.img`,
    hostpart,
  )
  assert.equal(readFileSync(file), NEW)
  assert.is(fetchedBytes + copiedBytes + reusedBytes + zeroBytes, NEW.length)
  assert.ok(fetchedBytes < 900_000, `${fetchedBytes}`)
  const ranges = server.requests.filter(({ path }) => path === '/a.img')
  assert.ok(ranges.length <= 6, `${ranges.length} requests`)
  // The first tells which content it is; the others ask for that.
  assert.ok(ranges.slice(1).every(({ ifRange }) => ifRange !== undefined))
})

test('what a seed no longer has is fetched, and never taken', async () => {
  await using server = await imageServer(await served(NEW))
  const hostpart = host()
  await install(hostpart, 'hn-root-old.img', OLD)
  // Written to after its manifest was made, as an image that is mounted read-write is.
  const spoiled = Buffer.from(OLD)
  spoiled.fill(7, 3.5 * MIB, 3.5 * MIB + 300_000)
  writeFileSync(join(hostpart, 'hn-root-old.img'), spoiled)
  const { file, fetchedBytes } = await deliver(`${server.url}/a.img`, hostpart)
  assert.equal(readFileSync(file), NEW)
  assert.ok(fetchedBytes > 300_000 && fetchedBytes < 1_500_000, `${fetchedBytes}`)
})

test('several images here; the manifest that fits is found without a record', async () => {
  await using server = await imageServer(await served(NEW))
  const hostpart = host()
  await install(
    hostpart,
    'hn-root.img',
    Buffer.concat([NEW.subarray(0, 7 * MIB), randomBytesOf('x', 8 * MIB)]),
  )
  await install(
    hostpart,
    'hn-root-old.img',
    Buffer.concat([randomBytesOf('y', 7 * MIB), NEW.subarray(7 * MIB)]),
  )
  writeFileSync(join(hostpart, '.speediso/manifests/damaged.json'), '{')
  const { file, fetchedBytes } = await deliver(`${server.url}/a.img`, hostpart)
  assert.equal(readFileSync(file), NEW)
  assert.ok(fetchedBytes < 500_000, `${fetchedBytes}`)
})

test('an image without a manifest helps when it is read whole', async () => {
  await using server = await imageServer(await served(NEW))
  const hostpart = host()
  await install(hostpart, 'hn-root.img', OLD, false)
  const whole = await deliver(`${server.url}/a.img`, hostpart, { chunkSeeds: false })
  assert.ok(whole.fetchedBytes > 8 * MIB)
  const other = host()
  await install(other, 'hn-root.img', OLD, false)
  const delta = await deliver(`${server.url}/a.img`, other)
  assert.equal(readFileSync(delta.file), NEW)
  assert.ok(delta.fetchedBytes < 900_000, `${delta.fetchedBytes}`)
})

test('interrupted: what came is verified and kept', async () => {
  await using server = await imageServer(await served(NEW))
  const hostpart = host()
  const stop = new AbortController()
  const interrupted = await failure(
    deliver(
      `${server.url}/a.img`,
      hostpart,
      {},
      {
        signal: stop.signal,
        progress: ({ fetched }) => {
          if (fetched > 5 * MIB) stop.abort(new Error('stop'))
        },
      },
    ),
  )
  assert.is(interrupted.message, 'stop')
  const [part = ''] = readdirSync(join(hostpart, '.speediso/incoming'))
  // A torn write.
  const bytes = readFileSync(join(hostpart, '.speediso/incoming', part))
  bytes.fill(9, 1_000_000, 1_000_500)
  // Of a chunk that is to be zero.
  bytes.fill(9, 6 * MIB, 6 * MIB + 10)
  writeFileSync(join(hostpart, '.speediso/incoming', part), bytes)
  const { file, fetchedBytes, reusedBytes } = await deliver(`${server.url}/a.img`, hostpart)
  assert.equal(readFileSync(file), NEW)
  assert.ok(reusedBytes > 3 * MIB, `${reusedBytes}`)
  assert.ok(fetchedBytes < NEW.length - 8 * MIB, `${fetchedBytes}`)
  assert.is(basename(file), part)
  // And once more: nothing is left to do.
  const requests = server.requests.length
  assert.is((await deliver(`${server.url}/a.img`, hostpart)).fetchedBytes, 0)
  assert.is(
    server.requests.slice(requests).every(({ path }) => path !== '/a.img'),
    true,
  )
})

test('a server that sends no parts: the whole stream, with all that is here already left as it is', async () => {
  for (const seed of [true, false]) {
    await using server = await imageServer(await served(NEW, { ranges: false }))
    const hostpart = host()
    if (seed) await install(hostpart, 'hn-root.img', OLD)
    const { file, fetchedBytes } = await deliver(`${server.url}/a.img`, hostpart)
    assert.equal(readFileSync(file), NEW)
    assert.ok(fetchedBytes <= NEW.length + MIB)
    assert.is(server.requests.filter(({ path }) => path === '/a.img').length, 1)
  }
})

test('connections that break: it goes on where it was', async () => {
  let cuts = 0
  const spoil: ServedImage['spoil'] = (_, body) => (cuts++ < 6 ? 'cut' : body)
  await using server = await imageServer(await served(NEW, { spoil }))
  const said: string[] = []
  const { file, fetchedBytes } = await deliver(
    `${server.url}/a.img`,
    host(),
    {},
    { say: (text) => said.push(text) },
  )
  assert.equal(readFileSync(file), NEW)
  assert.ok(said.length >= 1)
  assert.ok(fetchedBytes < NEW.length + 2 * MIB, `${fetchedBytes}`)
})

test('a server in trouble for a while, and one for good', async () => {
  let left = 3
  await using server = await imageServer(await served(NEW, { spoil: (_, body) => (left-- > 0 ? 503 : body) }))
  assert.equal(readFileSync((await deliver(`${server.url}/a.img`, host())).file), NEW)
  await using down = await imageServer(await served(NEW, { spoil: () => 503 }))
  assert.match((await failure(deliver(`${down.url}/a.img`, host()))).message, 'HTTP status 503')
  await using gone = await imageServer(await served(NEW, { spoil: () => 403 }))
  assert.match((await failure(deliver(`${gone.url}/a.img`, host()))).message, 'HTTP status 403')
  assert.is(gone.requests.filter(({ path }) => path === '/a.img').length, 1)
})

test('damaged on the way: once is repaired, twice is an error', async () => {
  const damage = (body: Buffer) => {
    const copy = Buffer.from(body)
    // Not among the zeros of the whole, which nobody looks at.
    copy[copy.length >> 2] = (copy[copy.length >> 2] ?? 0) ^ 1
    return copy
  }
  await using once = await imageServer(
    await served(NEW, { spoil: (n, body) => (n === 0 ? damage(body) : body) }),
  )
  assert.equal(readFileSync((await deliver(`${once.url}/a.img`, host())).file), NEW)
  for (const ranges of [undefined, false] as const) {
    const options = ranges === undefined ? {} : { ranges }
    await using always = await imageServer(
      await served(NEW, { ...options, spoil: (_, body) => damage(body) }),
    )
    assert.match(
      (await failure(deliver(`${always.url}/a.img`, host()))).message,
      /came damaged twice: its bytes from \d+ on/,
    )
  }
  // Another image than that of the manifest.
  await using other = await imageServer({
    ...(await served(NEW)),
    '/a.img': randomBytesOf('other', NEW.length),
  })
  assert.match((await failure(deliver(`${other.url}/a.img`, host()))).message, /damaged twice/)
  await using shorter = await imageServer({ ...(await served(NEW)), '/a.img': NEW.subarray(0, -1) })
  assert.match(
    (await failure(deliver(`${shorter.url}/a.img`, host()))).message,
    /has 15728639 bytes, and 15728640 by its manifest/,
  )
})

test('a manifest whose chunks are right and whose digest is not', async () => {
  const manifest = JSON.parse((await manifestOf(NEW)).toString())
  const lie = Buffer.from(JSON.stringify({ ...manifest, sha256: 'ab'.repeat(32) }))
  await using server = await imageServer({ '/a.img': NEW, '/a.img.json': lie })
  assert.match((await failure(deliver(`${server.url}/a.img`, host()))).message, /the whole is not/)
})

test('with keys, only what they have signed', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const keys = [{ name: 'ours.pem', pem: publicKey.export({ type: 'spki', format: 'pem' }).toString() }]
  const files = await served(NEW)
  const signature = signManifest(
    files['/a.img.json'],
    privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  )
  await using signed = await imageServer({ ...files, '/a.img.json.sig': signature })
  const { signature: got } = await deliver(`${signed.url}/a.img`, host(), { keys })
  assert.equal(Buffer.from(got ?? ''), signature)
  const wrong = Buffer.from(signature)
  wrong[0] = (wrong[0] ?? 0) ^ 1
  for (const [more, reason] of [
    [{ ...files }, /has no signature/],
    [{ '/a.img': NEW }, /has no manifest/],
    [{ ...files, '/a.img.json.sig': wrong }, /signed by none/],
  ] as const) {
    await using server = await imageServer(more)
    const hostpart = host()
    assert.match((await failure(deliver(`${server.url}/a.img`, hostpart, { keys }))).message, reason)
    // Nothing of it was asked for, but, where there is no manifest, whether it is there.
    assert.equal(
      server.requests.filter(({ path }) => path === '/a.img').map(({ range }) => range),
      '/a.img.json' in more ? [] : ['bytes=0-0'],
    )
    assert.equal(readdirSync(join(hostpart, '.speediso')), ['manifests'])
  }
})

test('with keys, an address where nothing is says so, and not that a manifest is missing', async () => {
  const { publicKey } = generateKeyPairSync('ed25519')
  const keys = [{ name: 'ours.pem', pem: publicKey.export({ type: 'spki', format: 'pem' }).toString() }]
  await using server = await imageServer({ '/a.img': NEW })
  const { message } = await failure(deliver(`${server.url}/b.img`, host(), { keys }))
  assert.match(message, /^http:\S+\/b\.img: HTTP status 404: there is nothing at this address$/)
})

test('no manifest: the whole stream, and its length is checked', async () => {
  await using server = await imageServer({ '/a.img': NEW })
  const hostpart = host()
  const result = await deliver(`${server.url}/a.img?x=1`.replace('?x=1', ''), hostpart)
  assert.equal(readFileSync(result.file), NEW)
  assert.is(result.fetchedBytes, NEW.length)
  assert.is(result.manifest, undefined)
  assert.ok(statSync(result.file).blocks * 512 < NEW.length - 3 * MIB)
  assert.equal(readdirSync(join(hostpart, '.speediso/incoming')), [basename(result.file)])
  // A hole at the end counts too.
  await using holes = await imageServer({ '/a.img': Buffer.concat([NEW, Buffer.alloc(MIB)]) })
  assert.is(statSync((await deliver(`${holes.url}/a.img`, host())).file).size, NEW.length + MIB)
})

test('no manifest: a broken stream goes on, as long as it is the same content', async () => {
  let n = 0
  const cutTwice: ServedImage['spoil'] = (_, body) => (n++ < 2 ? 'cut' : body)
  await using server = await imageServer({ '/a.img': { bytes: NEW, spoil: cutTwice } })
  const result = await deliver(`${server.url}/a.img`, host())
  assert.equal(readFileSync(result.file), NEW)
  assert.is(result.fetchedBytes, NEW.length + 2, 'a byte again each time')
  assert.equal(
    server.requests.filter(({ path }) => path === '/a.img').map(({ range }) => range !== undefined),
    [false, true, true],
  )

  for (const etag of ['W/"weak"', '']) {
    n = 0
    await using weak = await imageServer({ '/a.img': { bytes: NEW, etag, spoil: cutTwice } })
    assert.equal(readFileSync((await deliver(`${weak.url}/a.img`, host())).file), NEW)
    assert.ok(
      weak.requests.every(({ range }) => range === undefined),
      'nothing tells that it is the same',
    )
  }

  // Another image has taken its place meanwhile.
  n = 0
  const changing: Record<string, ServedImage> = { '/a.img': { bytes: NEW } }
  changing['/a.img'] = {
    bytes: NEW,
    spoil(_, body) {
      if (n++ > 0) return body
      changing['/a.img'] = { bytes: OLD }
      return 'cut'
    },
  }
  await using changed = await imageServer(changing)
  assert.equal(readFileSync((await deliver(`${changed.url}/a.img`, host())).file), OLD)
})

test('no manifest: another image of the same size, and a server that sends the rest of it: never half of each', async () => {
  for (const etag of ['"second"', undefined]) {
    const files: Record<string, ServedImage> = {
      '/a.img': {
        ...{ bytes: NEW, etag: '"first"' },
        spoil() {
          files['/a.img'] = { bytes: OLD, heedless: true, ...(etag === undefined ? {} : { etag }) }
          return 'cut'
        },
      },
    }
    await using server = await imageServer(files)
    assert.ok(readFileSync((await deliver(`${server.url}/a.img`, host())).file).equals(OLD))
    assert.ok(
      server.requests.some(({ ifRange }) => ifRange === '"first"'),
      'control: it has tried to go on',
    )
  }
})

test('no manifest: an interrupted delivery goes on when it is asked for again', async () => {
  await using server = await imageServer({ '/a.img': NEW })
  const hostpart = host()
  const stop = new AbortController()
  const stopping = {
    signal: stop.signal,
    progress: ({ fetched }: { fetched: number }) => {
      if (fetched > 6 * MIB) stop.abort(new Error('stop'))
    },
  }
  await failure(deliver(`${server.url}/a.img`, hostpart, {}, stopping))
  const again = await deliver(`${server.url}/a.img`, hostpart)
  assert.equal(readFileSync(again.file), NEW)
  assert.ok(again.reusedBytes > 5 * MIB, `${again.reusedBytes}`)
  assert.is(again.fetchedBytes + again.reusedBytes, NEW.length)
})

test('no manifest: complete, and interrupted before it was told; and become shorter since', async () => {
  await using server = await imageServer({ '/a.img': NEW })
  const hostpart = host()
  const stop = new AbortController()
  const progress = ({ fetched }: { fetched: number }) => {
    if (fetched === NEW.length) stop.abort(new Error('stop'))
  }
  await failure(deliver(`${server.url}/a.img`, hostpart, {}, { signal: stop.signal, progress }))
  const again = await deliver(`${server.url}/a.img`, hostpart)
  assert.equal(readFileSync(again.file), NEW)
  assert.is(again.fetchedBytes, 1)

  // The validator stays the same: a server that lies.
  const files: Record<string, ServedImage> = { '/a.img': { bytes: NEW, etag: '"same"' } }
  await using lying = await imageServer(files)
  const other = host()
  const stop2 = new AbortController()
  const progress2 = ({ fetched }: { fetched: number }) => {
    if (fetched > 10 * MIB) stop2.abort(new Error('stop'))
  }
  await failure(deliver(`${lying.url}/a.img`, other, {}, { signal: stop2.signal, progress: progress2 }))
  files['/a.img'] = { bytes: OLD.subarray(0, MIB), etag: '"same"' }
  assert.equal(readFileSync((await deliver(`${lying.url}/a.img`, other)).file), OLD.subarray(0, MIB))
})

test('lengths that are not told', async () => {
  await using chunked = await imageServer({ '/a.img': { bytes: NEW, untold: 'chunked' } })
  assert.equal(readFileSync((await deliver(`${chunked.url}/a.img`, host())).file), NEW)
  await using closed = await imageServer({ '/a.img': { bytes: NEW, untold: 'closed' } })
  assert.match(
    (await failure(deliver(`${closed.url}/a.img`, host()))).message,
    /whether it came whole cannot be told/,
  )
})

test('a file of this machine, with and without a manifest', async () => {
  const file = join(dir, 'local.img')
  writeFileSync(file, NEW)
  const plain = await deliver(file, host())
  assert.equal(readFileSync(plain.file), NEW)
  assert.is(plain.fetchedBytes + plain.reusedBytes, NEW.length)
  assert.is.not(statSync(plain.file).ino, statSync(file).ino)
  writeFileSync(`${file}.json`, await manifestOf(NEW))
  const hostpart = host()
  await install(hostpart, 'hn-root.img', OLD)
  const described = await deliver(file, hostpart)
  assert.equal(readFileSync(described.file), NEW)
  assert.ok(described.manifest !== undefined)
  writeFileSync(file, OLD)
  assert.match((await failure(deliver(file, host()))).message, /damaged twice/)
  assert.match((await failure(deliver(join(dir, 'none.img'), host()))).message, /ENOENT/)
})

test('a file that is written to meanwhile', async () => {
  const file = join(dir, 'growing.img')
  writeFileSync(file, NEW)
  const grows = deliver(file, host(), {}, { progress: () => appendFileSync(file, 'x') })
  assert.match((await failure(grows)).message, /was written to while it was read/)
})

test('no room: says so before anything is written', async () => {
  for (const files of [await served(NEW), { '/a.img': NEW }]) {
    await using server = await imageServer(files)
    const hostpart = host()
    const refused = () => failure(deliver(`${server.url}/a.img`, hostpart, { reserve: 2 ** 50 }))
    const error = await refused()
    assert.instance(error, FinalDeliveryError)
    assert.match(
      error.message,
      /has [\d.]+ [MGT]B free, and [\d.]+ MB are to be written and 1125\.9 TB to stay free/,
    )
    assert.match((error as FinalDeliveryError).hint ?? '', /^free [\d.]+ TB$/)
    // What could go is only named where it is.
    writeFileSync(join(hostpart, 'hn-root-rejected.img'), 'x')
    assert.match(((await refused()) as FinalDeliveryError).hint ?? '', /TB, such as hn-root-rejected\.img$/)
  }
})

test('what is left of other images goes', async () => {
  await using server = await imageServer(await served(NEW))
  const hostpart = host()
  mkdirSync(join(hostpart, '.speediso/incoming'))
  writeFileSync(join(hostpart, '.speediso/incoming/other.part'), 'x')
  await deliver(`${server.url}/a.img`, hostpart)
  assert.is(existsSync(join(hostpart, '.speediso/incoming/other.part')), false)
})

test('a folder of partial downloads that leads elsewhere is left alone, with all that is there', async () => {
  await using server = await imageServer(await served(NEW))
  const elsewhere = temporaryDir()
  writeFileSync(join(elsewhere, 'mine'), 'x')
  const linked = temporaryDir()
  mkdirSync(join(linked, '.speediso'))
  symlinkSync(elsewhere, join(linked, '.speediso/incoming'))
  const above = temporaryDir()
  mkdirSync(join(elsewhere, 'incoming'))
  writeFileSync(join(elsewhere, 'incoming/mine'), 'x')
  symlinkSync(elsewhere, join(above, '.speediso'))
  for (const hostpart of [linked, above]) {
    const error = await failure(deliver(`${server.url}/a.img`, hostpart))
    assert.instance(error, InputError)
    assert.match(error.message, /is no folder of its own/)
  }
  assert.equal(readdirSync(elsewhere), ['incoming', 'mine'])
  assert.equal(readdirSync(join(elsewhere, 'incoming')), ['mine'])
})

test('plans: runs, places, what is shared', async () => {
  assert.equal(mergeRuns([1, 2, 3, 7, 9, 10]), [
    { first: 1, end: 4 },
    { first: 7, end: 8 },
    { first: 9, end: 11 },
  ])
  writeFileSync(join(dir, 'old'), OLD)
  writeFileSync(join(dir, 'new'), NEW)
  const old = (await scanFile(join(dir, 'old'), { signal })).index
  const fresh = (await scanFile(join(dir, 'new'), { signal })).index
  assert.is(sharedInPlace(fresh, fresh), NEW.length)
  const shared = sharedInPlace(old, fresh)
  assert.ok(shared > 10 * MIB && shared < NEW.length - 100_000, `${shared}`)
  const wanted = wantedChunks(fresh, zeroChunks(fresh))
  assert.ok([...wanted.values()].some((places) => places.length === 2))
  let copied = 0
  for (const { places } of findInSeed(old, wanted))
    for (const place of places) copied += lengthOf(fresh, place)
  assert.ok(copied > 7 * MIB)
})

test('validators that are strong enough', () => {
  const of = (headers: Record<string, string>) => strongValidator(new Headers(headers))
  assert.is(of({ etag: '"a"' }), '"a"')
  assert.is(
    of({
      etag: 'W/"a"',
      'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT',
      date: 'Fri, 02 Jan 2026 00:00:00 GMT',
    }),
    undefined,
  )
  const modified = 'Thu, 01 Jan 2026 00:00:00 GMT'
  assert.is(of({ 'last-modified': modified, date: 'Thu, 01 Jan 2026 00:01:00 GMT' }), modified)
  assert.is(of({ 'last-modified': modified, date: 'Thu, 01 Jan 2026 00:00:59 GMT' }), undefined)
  assert.is(of({ 'last-modified': modified }), undefined)
  assert.is(of({}), undefined)
})

test('zeros are left out only where there is a hole', async () => {
  const { open } = await import('node:fs/promises')
  const path = join(dir, 'sparse')
  writeFileSync(path, Buffer.alloc(MIB, 1))
  const bytes = Buffer.concat([randomBytesOf('s', 70_000), Buffer.alloc(300_000), randomBytesOf('t', 10)])
  {
    await using file = await open(path, 'r+')
    await writeAt(file, bytes, 123, false)
  }
  assert.equal(readFileSync(path).subarray(123, 123 + bytes.length), bytes)
  writeFileSync(path, '')
  truncateSync(path, MIB)
  {
    await using file = await open(path, 'r+')
    await writeAt(file, bytes, 123, true)
  }
  assert.equal(readFileSync(path).subarray(123, 123 + bytes.length), bytes)
  assert.ok(Number(execFileSync('stat', ['-c', '%b', path], { encoding: 'utf8' })) * 512 < 250_000)
})

test.run()
