import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, statfsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type DeliverDeps, deliverImage } from '../../src/root/deliver/deliver.ts'
import { makeManifest, manifestBytes } from '../../src/root/manifest/manifest.ts'
import { imageNames } from '../../src/root/names.ts'
import { systemClock } from '../../src/system/clock.ts'
import { createHttp } from '../../src/system/http.ts'
import { createHttpStream } from '../../src/system/http-stream.ts'
import { createMachineRoot } from '../../src/system/machine-root.ts'
import { imageServer } from '../unit/helpers/image-server.ts'
import { temporaryDir } from '../unit/helpers/temporary.ts'
import { loopDevice } from './helpers/loop-device.ts'
import { randomBytesOf } from './helpers/random-bytes.ts'

const MIB = 2 ** 20
const dir = temporaryDir()
const root = createMachineRoot(dir)
const signal = new AbortController().signal
const deps: DeliverDeps = {
  http: createHttp(root),
  stream: createHttpStream(root),
  clock: systemClock,
  signal,
}
const options = { keys: [], reserve: 0, pace: { firstWait: 1, longestWait: 5, limit: 300 } }
const names = imageNames()

const OLD = Buffer.concat([randomBytesOf('a', 40 * MIB), Buffer.alloc(8 * MIB), randomBytesOf('b', 16 * MIB)])
const NEW = Buffer.from(OLD)
randomBytesOf('c', 300_000).copy(NEW, 5 * MIB)
// Data where there was a hole, and a hole where there was data.
randomBytesOf('d', 300_000).copy(NEW, 42 * MIB)
NEW.fill(0, 10 * MIB, 12 * MIB)

async function manifestOf(bytes: Buffer) {
  const file = join(dir, 'manifest-of')
  writeFileSync(file, bytes)
  const facts = {
    image: '0f1e2d3c-4b5a-4968-8776-655443322110',
    version: '2',
    kernelRelease: '6.1',
    created: '2026-01-02T03:04:05Z',
  }
  const manifest = await makeManifest(file, facts, { signal })
  return { bytes: manifestBytes(manifest), sha256: manifest.sha256 }
}

/** A hostpart of its own, unmounted with the scope. */
function hostpart(mkfs: string[], sizeBytes: number): { dir: string } & Disposable {
  const stack = new DisposableStack()
  const loop = stack.use(loopDevice({ dir, sizeBytes }))
  const [tool = '', ...args] = mkfs
  execFileSync(tool, [...args, loop.path], { stdio: 'pipe' })
  const at = join(dir, `hostpart-${Math.random().toString(36).slice(2)}`)
  mkdirSync(at)
  execFileSync('mount', [loop.path, at])
  stack.defer(() => execFileSync('umount', ['--lazy', at]))
  return { dir: at, [Symbol.dispose]: () => stack.dispose() }
}
const used = (at: string) => {
  execFileSync('sync', ['--file-system', at])
  const { blocks, bfree, bsize } = statfsSync(at)
  return (blocks - bfree) * bsize
}
async function install(at: string, bytes: Buffer) {
  writeFileSync(join(at, 'hn-root.img'), bytes)
  const { bytes: manifest, sha256 } = await manifestOf(bytes)
  mkdirSync(join(at, '.speediso/manifests'), { recursive: true })
  writeFileSync(join(at, '.speediso/manifests', `${sha256}.json`), manifest)
}

for (const mkfs of [
  ['mkfs.xfs', '-q'],
  ['mkfs.btrfs', '-q'],
]) {
  test(`${mkfs[0]}: the new image shares the old one's blocks`, async () => {
    using host = hostpart(mkfs, 400 * MIB)
    await install(host.dir, OLD)
    await using server = await imageServer({ '/a.img': NEW, '/a.img.json': (await manifestOf(NEW)).bytes })
    const before = used(host.dir)
    const result = await deliverImage(`${server.url}/a.img`, { hostpart: host.dir, names }, options, deps)
    assert.equal(readFileSync(result.file), NEW)
    assert.equal(readFileSync(join(host.dir, 'hn-root.img')), OLD)
    assert.is(result.copiedBytes, 0)
    assert.ok(result.reusedBytes > 50 * MIB, `${result.reusedBytes}`)
    assert.ok(result.fetchedBytes < 2 * MIB, `${result.fetchedBytes}`)
    const more = used(host.dir) - before
    assert.ok(more < 16 * MIB, `${more} bytes more on the disk`)
    // 2 MiB that were data are a hole now, as far as whole chunks are zero.
    assert.ok(statSync(result.file).blocks * 512 < NEW.length - MIB, `${statSync(result.file).blocks}`)
  })

  test(`${mkfs[0]}: a file on the same filesystem is taken as a reflink, and stays another file`, async () => {
    using host = hostpart(mkfs, 400 * MIB)
    const file = join(host.dir, 'new.img')
    writeFileSync(file, NEW)
    const before = used(host.dir)
    for (const described of [false, true]) {
      if (described) writeFileSync(`${file}.json`, (await manifestOf(NEW)).bytes)
      const result = await deliverImage(file, { hostpart: host.dir, names }, options, deps)
      assert.equal(readFileSync(result.file), NEW)
      assert.is(result.fetchedBytes, 0)
      assert.is.not(statSync(result.file).ino, statSync(file).ino)
      assert.is(statSync(file).nlink, 1)
    }
    assert.ok(used(host.dir) - before < 16 * MIB)
  })
}

test('ext4 has no reflinks: it is copied from here, and only the rest is fetched', async () => {
  using host = hostpart(['mkfs.ext4', '-q'], 200 * MIB)
  await install(host.dir, OLD)
  await using server = await imageServer({ '/a.img': NEW, '/a.img.json': (await manifestOf(NEW)).bytes })
  const result = await deliverImage(`${server.url}/a.img`, { hostpart: host.dir, names }, options, deps)
  assert.equal(readFileSync(result.file), NEW)
  assert.is(result.reusedBytes, 0)
  assert.ok(result.copiedBytes > 50 * MIB)
  assert.ok(result.fetchedBytes < 2 * MIB, `${result.fetchedBytes}`)
  assert.ok(statSync(result.file).blocks * 512 < NEW.length - 9 * MIB)
})

test('a full disk: told before, and when nobody could tell before', async () => {
  using host = hostpart(['mkfs.ext4', '-q'], 48 * MIB)
  const big = randomBytesOf('big', 60 * MIB)
  const described = { '/a.img': big, '/a.img.json': (await manifestOf(big)).bytes }
  for (const files of [
    described,
    { '/a.img': big },
    { '/a.img': { bytes: big, untold: 'chunked' as const } },
  ]) {
    await using server = await imageServer(files)
    const error = await deliverImage(
      `${server.url}/a.img`,
      { hostpart: host.dir, names },
      options,
      deps,
    ).catch((e: unknown) => e)
    assert.instance(error, Error)
    assert.match(
      (error as Error).message,
      /[\d.]+ [kMG]?B free, and [\d.]+ [kMG]?B are to be written|is full/,
    )
  }
})

test('nobody tells how much comes: the reserve stays free all the same', async () => {
  const at = join(dir, 'small')
  mkdirSync(at)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=32m', 'tmpfs', at])
  try {
    const big = { bytes: randomBytesOf('endless', 40 * MIB), untold: 'chunked' as const }
    await using server = await imageServer({ '/a.img': big, '/b.img': { ...big, etag: '' } })
    for (const [name, kept] of [
      ['a', true],
      ['b', false],
    ] as const) {
      const error = await deliverImage(
        `${server.url}/${name}.img`,
        { hostpart: at, names },
        { ...options, reserve: 8 * MIB },
        deps,
      ).catch((e: unknown) => e)
      assert.match((error as Error).message, /[\d.]+ [kMG]?B free, and [\d.]+ [kMG]?B are to be written/)
      const { bavail, bsize } = statfsSync(at)
      assert.ok(bavail * bsize >= 6 * MIB, `${bavail * bsize} bytes free`)
      assert.is(bavail * bsize < 16 * MIB, kept)
    }
  } finally {
    execFileSync('umount', [at])
  }
})

test.run()
