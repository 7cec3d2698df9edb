import { execFileSync } from 'node:child_process'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { AGE_UNPROVED, checkManifest } from '../../src/root/candidate/claims.ts'
import { Refusal } from '../../src/root/candidate/refusal.ts'
import { CHUNKING, chunkLength, isZero } from '../../src/root/manifest/chunking.ts'
import {
  type ChunkIndex,
  digestOf,
  keyOf,
  lengthOf,
  offsetOf,
  zeroChunks,
} from '../../src/root/manifest/index.ts'
import {
  ManifestError,
  makeManifest,
  manifestBytes,
  parseManifest,
} from '../../src/root/manifest/manifest.ts'
import { digestFile, scanFile } from '../../src/root/manifest/scan.ts'
import {
  checkKeys,
  readRootKeys,
  signManifest,
  verifyManifestSignature,
} from '../../src/root/manifest/signature.ts'
import { createMachineRoot } from '../../src/system/machine-root.ts'
import { randomBytesOf } from '../block/helpers/random-bytes.ts'
import { temporaryDir } from './helpers/temporary.ts'

const dir = temporaryDir()
const at = (name: string) => join(dir, name)
const signal = new AbortController().signal
const MIB = 2 ** 20
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const put = (name: string, ...parts: Uint8Array[]) => {
  writeFileSync(at(name), Buffer.concat(parts))
  return at(name)
}
const description = {
  image: '0F1E2D3C-4b5a-4968-8776-655443322110',
  version: '1',
  kernelRelease: '6.1',
  created: '2026-01-02T03:04:05Z',
}
const chunks = ({ index }: { index: ChunkIndex }) =>
  Array.from({ length: index.count }, (_, chunk) => keyOf(index, chunk))

/** The algorithm without its shortcuts: the hash of the last 32 bytes, made anew at each place. */
function slowLengths(bytes: Buffer): number[] {
  const gear = Array.from({ length: 256 }, (_, byte) =>
    createHash('sha256').update(CHUNKING.algorithm).update(Uint8Array.of(byte)).digest().readInt32LE(),
  )
  const lengths: number[] = []
  for (let from = 0; from < bytes.length; ) {
    let length = 0
    for (let size = CHUNKING.min + 1; length === 0; size += 1) {
      const end = from + size
      if (end > bytes.length || size > CHUNKING.max) {
        length = Math.min(bytes.length - from, CHUNKING.max)
        break
      }
      let hash = 0
      for (let i = end - 32; i < end; i += 1) hash = ((hash << 1) + (gear[bytes[i] ?? 0] ?? 0)) | 0
      if (hash >>> (size <= CHUNKING.average ? 32 - 18 : 32 - 14) === 0) length = size
    }
    lengths.push(length)
    from += length
  }
  return lengths
}

test('chunks end where the algorithm says', () => {
  const bytes = randomBytesOf('slow', 3 * MIB)
  const fast: number[] = []
  for (let from = 0; from < bytes.length; ) {
    const length = chunkLength(bytes, from, bytes.length)
    fast.push(length)
    from += length
  }
  assert.equal(fast, slowLengths(bytes))
  assert.ok(fast.length > 20)
})

test('the algorithm is what its name says: it never changes', async () => {
  const { index } = await scanFile(put('fixed', randomBytesOf('fixed', MIB)), { signal })
  const lengths = Array.from({ length: index.count }, (_, chunk) => lengthOf(index, chunk))
  assert.is(sha256(Buffer.from(lengths.join(' '))), FIXED)
})
const FIXED = '30cbe4e5dafa44741e5a6047541754f5eb11d27755d24dfd78039f3cbf1842a3'

test('a file read in pieces has the chunks of the whole, in order, and its own digest', async () => {
  const bytes = Buffer.concat([
    randomBytesOf('a', 5 * MIB + 17),
    Buffer.alloc(3 * MIB + 5),
    randomBytesOf('b', 2 * MIB),
    Buffer.alloc(100_000),
  ])
  const { sha256: whole, index } = await scanFile(put('mixed', bytes), { signal })
  assert.is(whole, sha256(bytes))
  assert.is(await digestFile(at('mixed'), { signal }), whole)
  assert.is(index.size, bytes.length)
  let from = 0
  for (let chunk = 0; chunk < index.count; chunk += 1) {
    assert.is(offsetOf(index, chunk), from)
    const length = chunkLength(bytes, from, bytes.length)
    assert.is(lengthOf(index, chunk), length, `chunk ${chunk}`)
    const content = bytes.subarray(from, from + length)
    assert.is(digestOf(index, chunk).toString('hex'), sha256(content))
    assert.is(
      zeroChunks(index)[chunk] === 1,
      content.every((byte) => byte === 0),
      `chunk ${chunk}`,
    )
    from += length
  }
  assert.ok(zeroChunks(index).filter((zero) => zero === 1).length >= 10)
})

test('zeros come in the longest chunks, whatever the shortcut', () => {
  const zeros = Buffer.alloc(CHUNKING.max + 100)
  assert.is(chunkLength(zeros, 0, zeros.length), CHUNKING.max)
  assert.is(isZero(zeros, 50, 50 + CHUNKING.max), true)
  zeros[CHUNKING.max - 1] = 1
  assert.is(isZero(zeros, 0, CHUNKING.max), false)
})

test('sizes are about what is asked for', async () => {
  const { index } = await scanFile(put('random', randomBytesOf('sizes', 32 * MIB)), { signal })
  const mean = index.size / index.count
  assert.ok(mean > 56 * 1024 && mean < 88 * 1024, `${mean}`)
  for (let chunk = 0; chunk < index.count - 1; chunk += 1) {
    assert.ok(lengthOf(index, chunk) > CHUNKING.min)
    assert.ok(lengthOf(index, chunk) <= CHUNKING.max)
  }
})

test('what is put in or changed changes the chunks around it, and no others', async () => {
  const bytes = randomBytesOf('shift', 8 * MIB)
  const before = new Set(chunks(await scanFile(put('before', bytes), { signal })))
  const changes: [string, Buffer[]][] = [
    ['put in', [bytes.subarray(0, 3 * MIB), Buffer.from('more'), bytes.subarray(3 * MIB)]],
    ['taken out', [bytes.subarray(0, 3 * MIB), bytes.subarray(3 * MIB + 999)]],
    ['changed', [bytes.subarray(0, 3 * MIB), Buffer.alloc(5000, 1), bytes.subarray(3 * MIB + 5000)]],
  ]
  for (const [name, parts] of changes) {
    const after = chunks(await scanFile(put('after', ...parts), { signal }))
    const others = after.filter((chunk) => !before.has(chunk)).length
    assert.ok(others >= 1 && others <= 6, `${name}: ${others} of ${after.length}`)
  }
})

test('the edges: an empty file, one byte, a hole, one that becomes shorter, an end by signal', async () => {
  assert.is((await scanFile(put('empty'), { signal })).index.count, 0)
  assert.is((await scanFile(put('one', Buffer.from('x')), { signal })).index.size, 1)
  truncateSync(put('hole'), 5 * MIB + 1)
  const { index } = await scanFile(at('hole'), { signal })
  assert.is(index.size, 5 * MIB + 1)
  assert.ok(zeroChunks(index).every((zero) => zero === 1))
  put('shrinks', randomBytesOf('x', 10 * MIB))
  const shrinks = await scanFile(at('shrinks'), {
    signal,
    progress: () => truncateSync(at('shrinks'), MIB),
  }).catch((error: unknown) => error)
  assert.match(String(shrinks), 'became shorter')
  const stop = new AbortController()
  const stopped = await scanFile(put('long', Buffer.alloc(10 * MIB)), {
    signal: stop.signal,
    progress: () => stop.abort(new Error('stop')),
  }).catch((error: unknown) => error)
  assert.is((stopped as Error).message, 'stop')
})

test('a manifest goes into a file and comes back', async () => {
  const file = put('image', randomBytesOf('image', MIB))
  const manifest = await makeManifest(file, description, { signal })
  const { manifest: read, index } = parseManifest(manifestBytes(manifest))
  assert.equal(read, manifest)
  assert.is(read.image, description.image.toLowerCase())
  assert.is(read.size, MIB)
  assert.is(read.sha256, await digestFile(file, { signal }))
  assert.is(index.size, MIB)
  const wrong = await makeManifest(file, { ...description, image: 'x' }, { signal }).catch((e: unknown) => e)
  assert.instance(wrong, ManifestError)
})

test('a manifest that is none, or contradicts itself', async () => {
  const manifest = await makeManifest(put('image', randomBytesOf('image', MIB)), description, { signal })
  const entries = Buffer.from(manifest.chunks.index, 'base64')
  const withIndex = (index: string) => ({ ...manifest, chunks: { ...manifest.chunks, index } })
  const long = Buffer.from(entries)
  long.writeUInt32LE(CHUNKING.max + 1)
  const none = Buffer.from(entries)
  none.writeUInt32LE(0)
  const cases: [unknown, RegExp][] = [
    [{}, /is no speediso.root-image\/1: schema/],
    [{ ...manifest, schema: 'speediso.root-image/2' }, /schema/],
    [{ ...manifest, more: 1 }, /more/],
    [{ ...manifest, sha256: 'ab' }, /sha256: takes 64/],
    [{ ...manifest, size: manifest.size + 1 }, /says 1048577 bytes, and its chunks have 1048576/],
    [withIndex('!'), /no base64/],
    [withIndex(manifest.chunks.index.replace(/.$/, '')), /no base64/],
    [withIndex(entries.subarray(0, -1).toString('base64')), /does not end with an entry/],
    [withIndex(entries.subarray(36).toString('base64')), /its chunks have/],
    [withIndex(long.toString('base64')), /chunk 0 has 262145 bytes/],
    [withIndex(none.toString('base64')), /chunk 0 has 0 bytes/],
  ]
  for (const [document, reason] of cases) {
    assert.throws(
      () => parseManifest(Buffer.from(JSON.stringify(document))),
      (error: Error) => {
        assert.instance(error, ManifestError)
        assert.match(error.message, reason)
        return true
      },
    )
  }
  assert.throws(() => parseManifest(manifestBytes(manifest).subarray(0, 500)), /no JSON/)
})

test('signatures: ours, and openssl agrees', async () => {
  const [ours, others, rsa] = [
    generateKeyPairSync('ed25519'),
    generateKeyPairSync('ed25519'),
    generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ]
  const pem = (key: typeof ours.publicKey) => key.export({ type: 'spki', format: 'pem' }).toString()
  const secret = (key: typeof ours.privateKey) => key.export({ type: 'pkcs8', format: 'pem' }).toString()
  const keys = at('machine/etc/speediso/root-keys')
  mkdirSync(keys, { recursive: true })
  const root = createMachineRoot(at('machine'))
  assert.equal(await readRootKeys(createMachineRoot(at('nowhere'))), [])
  writeFileSync(join(keys, 'ours.pem'), pem(ours.publicKey))
  const trusted = await readRootKeys(root)
  assert.equal(
    trusted.map(({ name }) => name),
    ['/etc/speediso/root-keys/ours.pem'],
  )

  const bytes = Buffer.from('{"a":1}\n')
  const signature = signManifest(bytes, secret(ours.privateKey))
  assert.is(signature.length, 64)
  assert.is(verifyManifestSignature(bytes, signature, trusted)?.name, '/etc/speediso/root-keys/ours.pem')
  assert.is(verifyManifestSignature(bytes, undefined, []), undefined)
  for (const [signed, by] of [
    [bytes, undefined],
    [bytes, signManifest(bytes, secret(others.privateKey))],
    [Buffer.from('{"a":2}\n'), signature],
    [bytes, signature.subarray(1)],
  ] as const)
    assert.throws(() => verifyManifestSignature(signed, by, trusted), /signature|signed by none/)
  assert.throws(() => signManifest(bytes, secret(rsa.privateKey)), /no Ed25519 key/)
  assert.throws(() => signManifest(bytes, pem(ours.publicKey)), /no private key/)

  writeFileSync(at('key.pem'), secret(ours.privateKey))
  writeFileSync(at('signed'), bytes)
  const arguments_ = ['pkeyutl', '-sign', '-inkey', at('key.pem'), '-rawin', '-in', at('signed')]
  assert.equal(execFileSync('openssl', arguments_), signature)
})

test('what lies among the keys and gives none closes the host, and is named', async () => {
  const pair = generateKeyPairSync('ed25519')
  const pem = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const secret = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const manifest = Buffer.from('{}')
  const signature = signManifest(manifest, secret)
  const wrong: [name: string, make: (path: string) => void][] = [
    ['dangling.pem', (path) => symlinkSync('/nonexistent.pem', path)],
    ['README', (path) => writeFileSync(path, 'no key')],
    ['ours.key', (path) => writeFileSync(path, pem)],
    ['folder.pem', (path) => mkdirSync(path)],
    ['empty.pem', (path) => writeFileSync(path, '')],
  ]
  for (const [name, make] of wrong) {
    for (const beside of [false, true]) {
      const machine = at(`machine-${name}-${beside}`)
      const folder = join(machine, 'etc/speediso/root-keys')
      mkdirSync(folder, { recursive: true })
      make(join(folder, name))
      if (beside) writeFileSync(join(folder, 'a-good-one.pem'), pem)
      const keys = await readRootKeys(createMachineRoot(machine))
      assert.is(keys.length, beside ? 2 : 1)
      // Neither what is not signed, nor what the good one has signed.
      for (const claims of [{}, { manifest }, { manifest, signature }])
        assert.throws(
          () => checkManifest({ ...claims, keys }, []),
          (error: unknown) =>
            error instanceof Refusal &&
            error.message.includes(`/etc/speediso/root-keys/${name} gives no key`),
        )
    }
  }
  for (const make of [
    (path: string) => symlinkSync('/nonexistent', path),
    (path: string) => writeFileSync(path, pem),
  ]) {
    const machine = at(`machine-folder-${Math.random()}`)
    mkdirSync(join(machine, 'etc/speediso'), { recursive: true })
    make(join(machine, 'etc/speediso/root-keys'))
    const keys = await readRootKeys(createMachineRoot(machine))
    assert.throws(() => checkKeys(keys), /\/root-keys gives no key/)
    assert.throws(() => checkManifest({ keys }, []), /gives no key/)
  }
  // An empty folder, and none, ask for nothing.
  mkdirSync(at('machine-none/etc/speediso/root-keys'), { recursive: true })
  const none = await readRootKeys(createMachineRoot(at('machine-none')))
  assert.is(checkManifest({ keys: none }, []), undefined)
})

test('a signed image: that nothing tells when the confirmed one was made is told', async () => {
  const pair = generateKeyPairSync('ed25519')
  const key = { name: 'ours', pem: pair.publicKey.export({ type: 'spki', format: 'pem' }).toString() }
  const secret = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  writeFileSync(at('told'), 'image')
  const described = { image: '0f1e2d3c-4b5a-4968-8776-655443322110', version: '2', kernelRelease: '6.1' }
  const created = '2026-01-02T03:04:05Z'
  const manifest = manifestBytes(await makeManifest(at('told'), { ...described, created }, { signal }))
  const signature = signManifest(manifest, secret)
  const told = (more: { notBefore?: string }, keys = [key]) => {
    const evidence: string[] = []
    checkManifest({ manifest, signature, keys, ...more }, evidence)
    return evidence.includes(AGE_UNPROVED)
  }
  assert.ok(told({}))
  assert.not(told({ notBefore: created }))
  assert.not(told({}, []))
})

test.run()
