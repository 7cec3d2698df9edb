import { execFileSync } from 'node:child_process'
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { canonicalJson, signedBytes } from '../../tasks/wipe/certificate/canonical.ts'
import { checkCertificate } from '../../tasks/wipe/certificate/check.ts'
import { checkCertificateFile } from '../../tasks/wipe/certificate/check-file.ts'
import {
  CERTIFICATE_KEYS,
  fingerprint,
  parsePublicKey,
  parseSigningKey,
  rawPublicKey,
  readCertificateKeys,
} from '../../tasks/wipe/certificate/keys.ts'
import { makeCertificate } from '../../tasks/wipe/certificate/make.ts'
import type { Certificate } from '../../tasks/wipe/certificate/schema.ts'
import { signCertificate } from '../../tasks/wipe/certificate/sign.ts'
import { certificateOf, input, overwritten, quick, sanitized } from './helpers/certificate.ts'
import { createMemoryRoot } from './helpers/memory-root.ts'

const folder = mkdtempSync(join(tmpdir(), 'speediso-certificate-'))
test.after(() => rmSync(folder, { recursive: true, force: true }))

const ours = generateKeyPairSync('ed25519')
const others = generateKeyPairSync('ed25519')
const trusted = [{ name: 'ours.pem', key: ours.publicKey }]
const good = certificateOf(overwritten(), sanitized())
const signed = signCertificate(good, ours.privateKey)

const openssl = (...args: string[]) =>
  execFileSync('openssl', args, { cwd: folder, encoding: 'utf8', stdio: 'pipe' })
const pem = (key: KeyObject) =>
  key.export({ format: 'pem', type: key.type === 'private' ? 'pkcs8' : 'spki' }).toString()

/** A copy with a change that makeCertificate would not have made, signed again by whoever holds our key. */
function forged(change: (certificate: Certificate) => void, from = good): Certificate {
  const copy = structuredClone(from)
  change(copy)
  return signCertificate(copy, ours.privateKey)
}

const diskOf = (certificate: Certificate) => {
  const [disk] = certificate.disks
  if (disk?.verification == null) throw new Error('no disk')
  return { ...disk, disk, verification: disk.verification }
}

test('signed by a trusted key: passed', () => {
  const { verdict, genuine, erasure, lines } = checkCertificate(signed, trusted)
  assert.equal([verdict, genuine, erasure], ['passed', 'passed', 'passed'])
  assert.is(lines[0], 'passed: the document is genuine; it says ERASED')
  assert.match(lines[1] ?? '', /^signed by the trusted key ours.pem, SHA256:/)
  assert.ok(lines.some((line) => line.includes('HDD-0000')))
  // As it comes out of a file, in another order and with white space.
  const file = JSON.parse(JSON.stringify(Object.fromEntries(Object.entries(signed).reverse()), null, 4))
  assert.is(checkCertificate(file, trusted).verdict, 'passed')
})

test('unknown key, no key, not signed: unknown', () => {
  const strange = checkCertificate(signed, [{ name: 'others', key: others.publicKey }])
  assert.is(strange.verdict, 'unknown')
  assert.match(strange.lines[1] ?? '', `signed by an unknown key ${fingerprint(ours.publicKey)}`)
  assert.is(checkCertificate(signed).verdict, 'unknown')
  const bare = checkCertificate(good, trusted)
  assert.is(bare.verdict, 'unknown')
  assert.match(bare.lines[1] ?? '', /^not signed/)
  // Whoever takes off the signature gains nothing.
  assert.is(checkCertificate({ ...signed, signature: null }, trusted).verdict, 'unknown')
})

test('every changed value breaks the signature', () => {
  let changed = 0
  const visit = (value: unknown, put: (value: unknown) => void): void => {
    if (typeof value === 'object' && value !== null) {
      for (const [name, member] of Object.entries(value))
        visit(member, (other) => {
          ;(value as Record<string, unknown>)[name] = other
        })
      return
    }
    put(typeof value === 'number' ? value + 1 : typeof value === 'string' ? `${value} ` : !value)
    changed += 1
    assert.is(checkCertificate(copy, trusted).genuine, 'failed', `${changed}: ${value}`)
    put(value)
  }
  const copy = structuredClone(signed)
  visit(copy, () => undefined)
  assert.is(changed > 100, true)
  assert.is(checkCertificate(copy, trusted).verdict, 'passed', 'as it was')
})

test('members that are taken away or added fail', () => {
  const extra = { ...signed, note: 'approved' }
  assert.is(checkCertificate(extra, trusted).genuine, 'failed')
  const resigned = checkCertificate(
    signCertificate({ ...good, note: 'approved' } as Certificate, ours.privateKey),
    trusted,
  )
  assert.is(resigned.genuine, 'failed')
  assert.match(resigned.lines.join('\n'), 'it holds something that no certificate holds')
  const { reason: _, ...rest } = signCertificate(certificateOf(quick()), ours.privateKey)
  assert.is(checkCertificate(rest, trusted).genuine, 'failed')
})

test('well signed, and the evidence says otherwise: failed', () => {
  const cases: [string, (certificate: Certificate) => void, RegExp][] = [
    [
      'canary',
      (c) => Object.assign(diskOf(c).verification, { canariesFound: 1 }),
      /1 of 64 canaries were found again/,
    ],
    [
      'mismatch',
      (c) => Object.assign(diskOf(c).verification, { mismatchedBytes: 512 }),
      /512 bytes are not what/,
    ],
    [
      'no verification',
      (c) => Object.assign(diskOf(c).disk, { verification: null }),
      /nothing was read back/,
    ],
    ['half read', (c) => Object.assign(diskOf(c).verification, { bytesRead: 9 }), /only 9 of/],
    [
      'unwritten',
      (c) => Object.assign(diskOf(c).disk.unwritten, { bytes: 512, count: 1 }),
      /512 bytes could not be written/,
    ],
    [
      'better level',
      (c) => Object.assign(diskOf(c).disk, { levelReached: 'purge' }),
      /cannot reach the level purge/,
    ],
    ['less than asked', (c) => Object.assign(diskOf(c).disk, { levelAsked: 'purge' }), /purge was asked for/],
    ['twice', (c) => c.disks.push(structuredClone(diskOf(c).disk)), /stands there twice/],
    [
      'whole without its parts',
      (c) => c.disks.splice(0),
      /the whole is said to be passed, its parts make it unknown/,
    ],
    [
      'failed disk',
      (c) => Object.assign(diskOf(c).disk, { verdict: 'failed', reason: 'x' }),
      /its parts make it failed/,
    ],
    ['unseen', (c) => c.unseen.push('a controller without a driver'), /its parts make it unknown/],
    [
      'refused',
      (c) => c.leftAlone.push({ device: overwritten(5).device, why: 'refused', reason: 'in use' }),
      /its parts make it failed/,
    ],
    [
      'both',
      (c) => c.leftAlone.push({ device: overwritten(0).device, why: 'excluded', reason: 'asked' }),
      /both among the disks and among those left alone/,
    ],
  ]
  for (const [name, change, line] of cases) {
    const { verdict, genuine, lines } = checkCertificate(forged(change), trusted)
    assert.equal([verdict, genuine], ['failed', 'failed'], name)
    assert.match(lines.join('\n'), line, name)
    assert.is(lines[0], 'failed: do not rely on this document', name)
  }
  assert.is(
    checkCertificate(
      forged(() => undefined),
      trusted,
    ).verdict,
    'passed',
  )
})

test('a quick run that somebody dresses up as an erasure fails', () => {
  const dressed = forged((c) => {
    const [disk] = c.disks
    if (disk !== undefined) Object.assign(disk, { verdict: 'passed', levelReached: 'clear' })
    c.verdict = 'passed'
  }, certificateOf(quick()))
  const { genuine, lines } = checkCertificate(dressed, trusted)
  assert.is(genuine, 'failed')
  assert.match(lines.join('\n'), 'NOT AN ERASURE')
})

test('a genuine document of an erasure that failed is genuine, and the check does not pass', () => {
  const failed = signCertificate(
    certificateOf(overwritten(0, { verdict: 'failed', reason: 'it is gone' })),
    ours.privateKey,
  )
  const { verdict, genuine, erasure, lines } = checkCertificate(failed, trusted)
  assert.equal([verdict, genuine, erasure], ['failed', 'passed', 'failed'])
  assert.match(lines[0] ?? '', /genuine; it says ERASURE FAILED \(1 of 1 disks failed\)/)
  const unknown = signCertificate(makeCertificate(input([])), ours.privateKey)
  assert.equal(
    [checkCertificate(unknown, trusted).genuine, checkCertificate(unknown, trusted).verdict],
    ['passed', 'unknown'],
  )
})

test('anything else is no certificate, and nothing breaks', () => {
  let deep: unknown = {}
  for (let i = 0; i < 100_000; i += 1) deep = { deep }
  const evil = structuredClone(signed) as unknown as { disks: { endState: unknown }[] }
  const [, second] = evil.disks
  if (second !== undefined) second.endState = { state: 'done', evidence: { deep } }
  const documents = [
    null,
    1,
    'x',
    [],
    {},
    [signed],
    { ...signed, schema: 'speediso.erasure-certificate/2' },
    evil,
  ]
  for (const document of documents) assert.is(checkCertificate(document, trusted).genuine, 'failed')
  for (const signature of [
    {},
    'x',
    { ...signed.signature, algorithm: 'none' },
    { ...signed.signature, key: '' },
    { ...signed.signature, value: 'AA==' },
  ])
    assert.is(checkCertificate({ ...signed, signature }, trusted).genuine, 'failed')
  const other = { ...signed.signature, keyFingerprint: fingerprint(others.publicKey) }
  assert.match(
    checkCertificate({ ...signed, signature: other }, trusted).lines.join(),
    /fingerprint .* another key/,
  )
})

test('openssl verifies what was signed here, and not what was changed', () => {
  const at = (name: string) => join(folder, name)
  writeFileSync(at('public.pem'), pem(ours.publicKey))
  writeFileSync(at('bytes'), signedBytes(signed))
  writeFileSync(at('signature'), Buffer.from(signed.signature?.value ?? '', 'base64'))
  const args = [
    'pkeyutl',
    '-verify',
    '-rawin',
    '-pubin',
    '-inkey',
    'public.pem',
    '-sigfile',
    'signature',
    '-in',
  ]
  assert.match(openssl(...args, 'bytes'), 'Signature Verified Successfully')
  writeFileSync(at('changed'), readFileSync(at('bytes'), 'utf8').replace('"passed"', '"pasted"'))
  assert.throws(() => openssl(...args, 'changed'))
  // The fingerprint is what the documented line gives.
  writeFileSync(at('public.der'), ours.publicKey.export({ format: 'der', type: 'spki' }))
  openssl('pkey', '-pubin', '-in', 'public.pem', '-outform', 'DER', '-out', 'by-openssl.der')
  openssl('dgst', '-sha256', '-binary', '-out', 'digest', 'by-openssl.der')
  assert.is(signed.signature?.keyFingerprint, `SHA256:${readFileSync(at('digest')).toString('base64')}`)
})

test('what openssl signed with a key of its own verifies here', async () => {
  const at = (name: string) => join(folder, name)
  openssl('genpkey', '-algorithm', 'ed25519', '-out', 'own.pem')
  openssl('pkey', '-in', 'own.pem', '-pubout', '-out', 'own-public.pem')
  writeFileSync(at('to-sign'), signedBytes(good))
  openssl('pkeyutl', '-sign', '-rawin', '-inkey', 'own.pem', '-in', 'to-sign', '-out', 'own-signature')
  const key = parseSigningKey(readFileSync(at('own.pem'), 'utf8'))
  const publicKey = createPublicKey(key)
  const signature = {
    algorithm: 'Ed25519' as const,
    key: rawPublicKey(publicKey).toString('base64'),
    keyFingerprint: fingerprint(publicKey),
    value: readFileSync(at('own-signature')).toString('base64'),
  }
  const own = parsePublicKey(readFileSync(at('own-public.pem'), 'utf8'), 'own-public.pem')
  assert.is(checkCertificate({ ...good, signature }, [own]).verdict, 'passed')
  // Ed25519 is deterministic: both sign the same.
  assert.equal(signCertificate(good, key).signature, signature)
})

test('signing keys: PEM or seed; for everything else what is right', () => {
  const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex')
  const key = parseSigningKey(seed.toString('base64'))
  // RFC 8032, section 7.1, test 1.
  assert.is(
    rawPublicKey(createPublicKey(key)).toString('hex'),
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
  )
  const lines = pem(key)
  const forms = [
    lines,
    `\n ${lines}\n`,
    lines.replaceAll('\n', ' '),
    lines.replaceAll('\n', '\\n'),
    Buffer.from(lines).toString('base64'),
    key.export({ format: 'der', type: 'pkcs8' }).toString('base64'),
  ]
  for (const form of forms) assert.ok(parseSigningKey(form).equals(key), form)
  const rsaKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  const rsa = pem(rsaKey)
  const rsaOld = rsaKey.export({ format: 'pem', type: 'pkcs1' }).toString()
  const locked = key
    .export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' })
    .toString()
  const cases: [string, RegExp][] = [
    [rsa, /kind rsa/],
    [rsaOld, /RSA, EC or DSA/],
    [lines.replace('MC4C', 'AAAA'), /no private key/],
    [pem(generateKeyPairSync('ed448').privateKey), /kind ed448/],
    [pem(ours.publicKey), /public key, which cannot sign/],
    [locked, /locked with a passphrase/],
    ['-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n', /OpenSSH/],
    [seed.subarray(1).toString('base64'), /no private key/],
    ['', /no private key/],
  ]
  for (const [text, pattern] of cases) {
    try {
      parseSigningKey(text)
      assert.unreachable(`${pattern}`)
    } catch (error) {
      const { message, hint, code } = error as { message: string; hint?: string; code?: string }
      assert.match(message, pattern)
      assert.is(code, 'bad-key')
      assert.match(hint ?? '', 'openssl genpkey -algorithm ed25519')
      if (text.length > 20) assert.not.match(message, text.slice(30, 60))
    }
  }
})

test('public keys: PEM or base64; never a private one', () => {
  const raw = rawPublicKey(ours.publicKey).toString('base64')
  assert.ok(parsePublicKey(`${raw}\n`, 'k').key.equals(ours.publicKey))
  assert.ok(parsePublicKey(pem(ours.publicKey), 'k').key.equals(ours.publicKey))
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey
  assert.throws(() => parsePublicKey(pem(ours.privateKey), 'k'), /k: is a private key/)
  assert.throws(() => parsePublicKey(pem(rsa), 'k'), /k: is a key of the kind rsa/)
  for (const text of ['', 'x', raw.slice(1), '-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----'])
    assert.throws(() => parsePublicKey(text, 'k'), /k: is no public key/)
  assert.ok(createPrivateKey(pem(ours.privateKey)))
})

test('the keys of an image: every file of the folder; one that is none spoils it', async () => {
  const root = createMemoryRoot('/')
  assert.equal(await readCertificateKeys(root), [])
  root.put(`${CERTIFICATE_KEYS}/a.pem`, pem(ours.publicKey))
  root.put(`${CERTIFICATE_KEYS}/b`, rawPublicKey(others.publicKey).toString('base64'))
  const keys = await readCertificateKeys(root)
  assert.equal(
    keys.map(({ name }) => name),
    ['a.pem', 'b'],
  )
  assert.is(checkCertificate(signed, keys).verdict, 'passed')
  root.put(`${CERTIFICATE_KEYS}/c`, pem(ours.privateKey))
  await readCertificateKeys(root).then(
    () => assert.unreachable(),
    (error: Error) => assert.match(error.message, /^c: is a private key/),
  )
})

/** Files by name. */
function files(all: Record<string, unknown>) {
  return {
    trusted,
    async readFile(path: string): Promise<string> {
      const found = all[path]
      if (found === undefined) throw new Error(`ENOENT: ${path}`)
      return typeof found === 'string' ? found : JSON.stringify(found)
    },
  }
}

test('a file: the certificate itself or a report that holds it, with the key that is named', async () => {
  const report = {
    schema: 'speediso.report/1',
    tasks: [
      { task: 'inventory', result: {} },
      { task: 'wipe', result: { certificate: signed } },
    ],
  }
  const deps = files({
    'c.json': signed,
    'report.json': report,
    'ours.pem': pem(ours.publicKey),
    'others.pem': pem(others.publicKey),
    'none.json': { tasks: [{ task: 'wipe' }] },
    'text.json': 'hello',
  })
  for (const name of ['c.json', 'report.json']) {
    assert.is((await checkCertificateFile(name, deps)).verdict, 'passed', name)
    assert.is((await checkCertificateFile(name, deps, { key: 'ours.pem' })).verdict, 'passed', name)
    const raw = rawPublicKey(ours.publicKey).toString('base64')
    assert.is((await checkCertificateFile(name, deps, { key: raw })).verdict, 'passed', name)
    // The one that is named replaces those of the image.
    assert.is((await checkCertificateFile(name, deps, { key: 'others.pem' })).verdict, 'unknown', name)
  }
  for (const [name, options, pattern] of [
    ['gone.json', {}, /gone.json: cannot be read/],
    ['text.json', {}, /text.json: is no JSON/],
    ['none.json', {}, /none.json: holds no erasure certificate/],
    ['c.json', { key: 'gone.pem' }, /gone.pem: cannot be read/],
    ['c.json', { key: 'text.json' }, /text.json: is no public key/],
  ] as const) {
    try {
      await checkCertificateFile(name, deps, options)
      assert.unreachable(name)
    } catch (error) {
      assert.match((error as Error).message, pattern)
    }
  }
})

test('a file: pages only of a document that nobody has changed', async () => {
  const text = JSON.stringify(signed)
  const twice = text.replace('"verdict":"passed"', '"verdict":"failed","verdict":"passed"')
  assert.is.not(twice, text)
  const deps = files({
    'good.json': text,
    'spaced.json': JSON.stringify(signed, null, 2),
    'unsigned.json': good,
    'changed.json': text.replace('HDD-0000', 'HDD-0001'),
    'twice.json': twice,
  })
  const html = true
  for (const [name, verdict, pages] of [
    ['good.json', 'passed', true],
    ['spaced.json', 'passed', true],
    ['unsigned.json', 'unknown', true],
    ['changed.json', 'failed', false],
    ['twice.json', 'failed', false],
  ] as const) {
    const found = await checkCertificateFile(name, deps, { html })
    assert.equal([found.verdict, found.html !== undefined], [verdict, pages], name)
  }
  assert.match((await checkCertificateFile('unsigned.json', deps, { html })).html ?? '', 'NOT SIGNED')
  assert.is((await checkCertificateFile('good.json', deps)).html, undefined)
  // Only the doubled member is wrong there.
  assert.is(canonicalJson(JSON.parse(twice)), canonicalJson(signed))
})

test.run()
