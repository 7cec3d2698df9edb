import { createHash, generateKeyPairSync } from 'node:crypto'
import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CliContext } from '../../src/cli/context.ts'
import { openSession } from '../../src/cli/root/session.ts'
import { readClaimsCheck } from '../../src/cli/root/stage-claims.ts'
import { InputError } from '../../src/errors.ts'
import { Refusal } from '../../src/root/candidate/refusal.ts'
import { checkAddress } from '../../src/root/deliver/address.ts'
import { deliverImage } from '../../src/root/deliver/deliver.ts'
import { planDelivery } from '../../src/root/deliver/plan-delivery.ts'
import { lengthOf } from '../../src/root/manifest/index.ts'
import { makeManifest, manifestBytes, parseManifest } from '../../src/root/manifest/manifest.ts'
import { signManifest } from '../../src/root/manifest/signature.ts'
import { imageNames } from '../../src/root/names.ts'
import { keyOf } from '../../src/root/observe/files.ts'
import { writeRecord } from '../../src/root/record-file.ts'
import { FIRST_RECORD } from '../../src/root/standing.ts'
import { systemClock } from '../../src/system/clock.ts'
import { createExec } from '../../src/system/exec.ts'
import { createHttp } from '../../src/system/http.ts'
import { createHttpStream } from '../../src/system/http-stream.ts'
import { createMachineRoot } from '../../src/system/machine-root.ts'
import { randomBytesOf } from '../block/helpers/random-bytes.ts'
import { imageServer } from './helpers/image-server.ts'
import { speediso } from './helpers/program.ts'
import { temporaryDir } from './helpers/temporary.ts'

const MIB = 2 ** 20
const signal = new AbortController().signal
const machine = createMachineRoot(temporaryDir())
const deps = {
  ...{ http: createHttp(machine), stream: createHttpStream(machine) },
  ...{ clock: systemClock, signal },
}
const names = imageNames()

const malformed: [address: string, what: RegExp][] = [
  ['htp://x', /^htp:\/\/x: htp:\/\/ is neither http:\/\/ nor https:\/\//],
  ['ftp://images.example/x.img', /ftp:\/\/ is neither/],
  ['file:///x.img', /file:\/\/ is neither/],
  ['http://', /names no host/],
  ['http:///x', /names no host/],
  ['https://:80/x', /names no host/],
  ['http://user:secret@/x', /names no host/],
  ['http:/host/x', /two slashes/],
  ['http:host/x', /two slashes/],
  ['http://host:99999/x', /99999 is no port/],
  ['http://host:0/x', /0 is no port/],
  ['http://host:http/x', /http is no port/],
  ['http://a b/x', /a b is no name of a host/],
  ['http://[::1/x', /is no name of a host|names no host/],
  ['http://host%00/x', /is no name of a host/],
]
for (const [address, what] of malformed) {
  test(`no address: ${address}`, () => {
    const thrown = (() => {
      try {
        return checkAddress(address)
      } catch (error) {
        return error
      }
    })()
    assert.instance(thrown, InputError)
    const { message } = thrown as Error
    assert.match(message, what)
    assert.not.match(message, 'secret')
  })
}

for (const address of [
  'http://host/x.img',
  'HTTPS://user:secret@host:8443/a/b?c=http://d',
  'http://[::1]:80/x',
  'http://127.0.0.1/x',
  '/a/http://x',
  './htp:x',
  'image.img',
  'C:image.img',
])
  test(`an address: ${address}`, () => checkAddress(address))

test('stage with a malformed address: one line, exit code 2, nothing done', async () => {
  const dir = hostpart()
  for (const [address] of malformed.slice(0, 10)) {
    for (const plan of [[], ['--plan']]) {
      const { code, stdout, stderr } = await speediso(['root', 'stage', address, ...plan, '--hostpart', dir])
      assert.equal([code, stdout, stderr.trimEnd().split('\n').length], [2, '', 1], stderr)
      assert.not.match(stderr, 'secret')
    }
  }
  assert.equal(readdirSync(dir), [])
})

test('a port that is of another protocol is told at once, too', async () => {
  const error = await deliverImage(
    'http://127.0.0.1:25/x',
    { hostpart: hostpart(), names },
    { keys: [] },
    deps,
  ).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  assert.match((error as Error).message, 'bad port')
})

function hostpart(): string {
  return temporaryDir()
}

/** Every file below a folder with its times and content. */
function listing(dir: string, below = ''): string[] {
  return readdirSync(join(dir, below))
    .sort()
    .flatMap((name) => {
      const path = join(below, name)
      const found = lstatSync(join(dir, path))
      const line = [path, found.mode, found.mtimeMs, found.ctimeMs, found.ino, found.size].join(' ')
      if (found.isDirectory()) return [line, ...listing(dir, path)]
      return [
        `${line} ${createHash('sha256')
          .update(readFileSync(join(dir, path)))
          .digest('hex')}`,
      ]
    })
}

const description = {
  ...{ image: '0f1e2d3c-4b5a-4968-8776-655443322110', version: '2', kernelRelease: '6.1' },
  created: '2026-01-02T03:04:05Z',
}
async function manifestOf(bytes: Uint8Array, more: Partial<typeof description> = {}) {
  const file = join(temporaryDir(), 'image')
  writeFileSync(file, bytes)
  return manifestBytes(await makeManifest(file, { ...description, ...more }, { signal }))
}

const OLD = Buffer.concat([
  randomBytesOf('first', 3 * MIB),
  Buffer.alloc(2 * MIB),
  randomBytesOf('last', MIB),
])
const NEW = Buffer.from(OLD)
randomBytesOf('change', 200_000).copy(NEW, MIB)

async function withOld(): Promise<string> {
  const dir = hostpart()
  mkdirSync(join(dir, '.speediso/manifests'), { recursive: true })
  writeFileSync(join(dir, 'hn-root.img'), OLD)
  const manifest = await manifestOf(OLD)
  writeFileSync(join(dir, '.speediso/manifests', `${parseManifest(manifest).manifest.sha256}.json`), manifest)
  return dir
}

test('stage --plan of a URL: fetches the manifest alone, says what would be fetched, and writes nothing', async () => {
  await using server = await imageServer({ '/a.img': NEW, '/a.img.json': await manifestOf(NEW) })
  const dir = await withOld()
  const before = listing(dir)
  const args = ['root', 'stage', `${server.url}/a.img`, '--plan', '--hostpart', dir]
  const { code, stdout, stderr } = await speediso(args)
  assert.is(code, 0, stderr)
  assert.match(
    stdout,
    /^version 2, kernel 6\.1, made on 2026-01-02T03:04:05Z\nwould be fetched: .* of 6\.\d+ MB, \d+ of \d+ chunks\n/,
  )
  assert.match(
    stdout,
    /would be written: at most \d\.\d+ MB, and hostpart has room for .*\nwhether it is taken is told once it is here\n$/,
  )
  assert.equal(listing(dir), before)
  const json = await speediso([...args, '--json'])
  const { outcome, fetch, manifest } = JSON.parse(json.stdout)
  assert.equal([outcome, manifest.version, manifest.chunks], ['unchanged', '2', undefined])
  assert.is(fetch.totalBytes, NEW.length)
  assert.is(fetch.fetchBytes + fetch.hereBytes + fetch.zeroBytes, NEW.length)
  assert.is(fetch.writeBytes, NEW.length - fetch.zeroBytes)
  assert.ok(fetch.fetchBytes >= 200_000 && fetch.fetchBytes < 900_000, `${fetch.fetchBytes}`)
  assert.ok(fetch.zeroBytes >= MIB && fetch.fetchChunks < fetch.chunks)
  assert.equal(listing(dir), before)
  assert.equal([...new Set(server.requests.map(({ path }) => path))].sort(), [
    '/a.img.json',
    '/a.img.json.sig',
  ])
})

test('what a plan says is what a delivery then fetches, also one that goes on', async () => {
  const manifest = await manifestOf(NEW)
  await using server = await imageServer({ '/a.img': NEW, '/a.img.json': manifest })
  const dir = await withOld()
  const plan = async () =>
    (await planDelivery(`${server.url}/a.img`, { hostpart: dir, names }, { keys: [] }, deps)).plan
  const first = await plan()
  const { fetchedBytes } = await deliverImage(
    `${server.url}/a.img`,
    { hostpart: dir, names },
    { keys: [], reserve: 0 },
    deps,
  )
  assert.is(first?.fetchBytes, fetchedBytes)
  // The part is still there, and all of it.
  assert.is((await plan())?.fetchBytes, 0)
  const { index } = parseManifest(manifest)
  const part = join(dir, '.speediso/incoming', readdirSync(join(dir, '.speediso/incoming'))[0] ?? '')
  const spoilt = readFileSync(part)
  spoilt[0] = (spoilt[0] ?? 0) ^ 1
  writeFileSync(part, spoilt)
  // Of what the current image has too nothing is fetched; of the new part its first chunk is not it.
  writeFileSync(join(dir, 'hn-root.img'), 'gone')
  assert.is((await plan())?.fetchBytes, lengthOf(index, 0))
})

const stage = (url: string, dir: string, ...more: string[]) =>
  speediso(['root', 'stage', url, '--hostpart', dir, ...more])

test('stage --plan of a URL without a manifest says so, and the size that the server tells', async () => {
  await using server = await imageServer({
    '/a.img': NEW,
    '/b.img': { bytes: NEW, untold: 'chunked', ranges: false },
  })
  const dir = hostpart()
  const { code, stdout } = await stage(`${server.url}/a.img`, dir, '--plan')
  assert.is(code, 0)
  assert.match(
    stdout,
    /^it has no manifest, so that its content would not be proved\nwould be fetched: all of it, 6\.3 MB\n/,
  )
  const { fetch, manifest } = JSON.parse((await stage(`${server.url}/a.img`, dir, '--plan', '--json')).stdout)
  assert.equal([manifest, fetch], [null, { totalBytes: NEW.length, fetchBytes: NEW.length }])
  assert.match(
    (await stage(`${server.url}/b.img`, dir, '--plan')).stdout,
    /all of it, and the server tells no size/,
  )
  assert.equal(readdirSync(dir), [])
  assert.ok(server.requests.every(({ path, range }) => !path.endsWith('.img') || range === 'bytes=0-0'))
})

test('stage of a URL: what this host has gone back from costs no download', async () => {
  const manifest = await manifestOf(NEW)
  const { sha256 } = parseManifest(manifest).manifest
  for (const denied of [sha256, 'ab'.repeat(32)]) {
    await using server = await imageServer({ '/a.img': NEW, '/a.img.json': manifest })
    const dir = await withOld()
    await writeRecord(dir, {
      ...{ ...FIRST_RECORD, confirmed: (await keyOf(join(dir, 'hn-root.img'))) ?? '' },
      denied: [{ digest: denied, reason: 'no storage', time: '2026-11-20T10:00:00Z' }],
    })
    const { code, stdout } = await stage(`${server.url}/a.img`, dir)
    assert.is(code, 1)
    assert.is(
      /^refused: this host has gone back from this same image/.test(stdout),
      denied === sha256,
      stdout,
    )
    // Control: another one is fetched, and judged then.
    assert.is(
      server.requests.some(({ path }) => path === '/a.img'),
      denied !== sha256,
    )
  }
})

test('an image that is older than the confirmed one, by its manifest: likewise, where there are keys', async () => {
  const check = async (allowDowngrade: boolean, keys: boolean, created: string) => {
    const dir = await withOld()
    const { manifest } = parseManifest(await manifestOf(OLD))
    await writeRecord(dir, {
      ...{ ...FIRST_RECORD, confirmed: manifest.sha256 },
      images: { [manifest.sha256]: { sha256: manifest.sha256, id: manifest.image } },
    } as never)
    const root = temporaryDir()
    if (keys) {
      mkdirSync(join(root, 'etc/speediso/root-keys'), { recursive: true })
      writeFileSync(join(root, 'etc/speediso/root-keys/ours.pem'), 'a key')
    }
    const signal = new AbortController().signal
    const ctx = {
      ...{ root: createMachineRoot(root), exec: createExec(), clock: systemClock, signal },
      ...{ stdout: new PassThrough(), stderr: new PassThrough() },
    } as unknown as CliContext
    using session = await openSession({ hostpart: dir, esp: undefined }, ctx)
    const made = await readClaimsCheck({ allowDowngrade }, session, ctx)
    assert.is(made.notBefore, description.created)
    try {
      made.check(parseManifest(await manifestOf(NEW, { created })).manifest)
      return 'taken'
    } catch (error) {
      assert.instance(error, Refusal)
      return 'refused'
    }
  }
  const older = '2025-01-02T03:04:05Z'
  assert.is(await check(false, true, older), 'refused')
  assert.is(await check(true, true, older), 'taken')
  assert.is(await check(false, false, older), 'taken')
  assert.is(await check(false, true, description.created), 'taken')
})

test('stage --plan of a URL: what this host has gone back from is refused before anything is fetched', async () => {
  const manifest = await manifestOf(NEW)
  await using server = await imageServer({ '/a.img': NEW, '/a.img.json': manifest })
  const dir = await withOld()
  const { sha256 } = parseManifest(manifest).manifest
  await writeRecord(dir, {
    ...{ ...FIRST_RECORD, confirmed: (await keyOf(join(dir, 'hn-root.img'))) ?? '' },
    denied: [{ digest: sha256, reason: 'no storage', time: '2026-11-20T10:00:00Z' }],
  })
  const { code, stdout } = await speediso([
    'root',
    'stage',
    `${server.url}/a.img`,
    '--plan',
    '--hostpart',
    dir,
  ])
  assert.is(code, 1)
  assert.match(stdout, /^refused: this host has gone back from this same image/)
})

test('a signature counts for a plan as well', async () => {
  const [ours, others] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')]
  const keys = [{ name: 'ours', pem: ours.publicKey.export({ type: 'spki', format: 'pem' }).toString() }]
  const manifest = await manifestOf(NEW)
  const sign = (pair: typeof ours) =>
    signManifest(manifest, pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
  await using server = await imageServer({
    ...{ '/a.img.json': manifest, '/a.img.json.sig': sign(ours) },
    ...{ '/b.img.json': manifest, '/b.img.json.sig': sign(others) },
  })
  const plan = (name: string) =>
    planDelivery(`${server.url}/${name}`, { hostpart: hostpart(), names }, { keys }, deps)
  assert.ok((await plan('a.img')).plan)
  const error = await plan('b.img').catch((thrown: unknown) => thrown)
  assert.match((error as Error).message, /signed by none/)
})

test.run()
