import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { InputError } from '../../../src/errors.ts'
import type { MachineRoot } from '../../../src/system/machine-root.ts'

/** A key is not what it should be. */
export class KeyError extends InputError {
  override readonly code: string = 'bad-key'
}

/** A public key whose signatures are believed, and where it comes from. */
export interface TrustedKey {
  name: string
  key: KeyObject
}

/** Private key of an image that signs certificates where the job names none, as PEM or base64. */
export const CERTIFICATE_KEY = '/etc/speediso/certificate-key.pem'

/** Public keys of an image that certificates may be signed by: every file of the folder, in PEM or base64. */
export const CERTIFICATE_KEYS = '/etc/speediso/certificate-keys'

const MAKE = 'make one with: openssl genpkey -algorithm ed25519 -out certificate-key.pem'
const PUBLISH = 'make it with: openssl pkey -in certificate-key.pem -pubout'

/** SubjectPublicKeyInfo of an Ed25519 key up to its 32 bytes (RFC 8410, section 4). */
const SPKI_HEAD = Buffer.from('302a300506032b6570032100', 'hex')

/** PKCS#8 of an Ed25519 key up to its 32-byte seed (RFC 8410, section 7). */
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex')

/** What else is often taken for such a key, by the label of its PEM. */
const OTHERS: readonly [label: RegExp, words: string][] = [
  [/^ENCRYPTED PRIVATE KEY$/, 'it is locked with a passphrase, which nobody is there to type'],
  [/^OPENSSH PRIVATE KEY$/, 'it is a key in the format of OpenSSH'],
  [/^(RSA|EC|DSA) PRIVATE KEY$/, 'it is an RSA, EC or DSA key'],
  [/PUBLIC KEY$/, 'it is a public key, which cannot sign'],
  [/CERTIFICATE$/, 'it is an X.509 certificate'],
]

const RIGHT = 'it takes an Ed25519 private key: PKCS#8 as PEM, that in base64, or its 32-byte seed in base64'

/**
 * The private key that signs certificates: Ed25519, as PKCS#8 in PEM, that in base64, or its 32-byte seed in base64. On a
 * kernel command line the line ends of PEM may be spaces or `\n`.
 * @throws KeyError that says what is right, and nothing of the key
 */
export function parseSigningKey(text: string): KeyObject {
  const pem = readPem(text) ?? readPem(decodeBase64(text).toString('latin1'))
  const refuse = (why: string) => new KeyError(`the signing key: ${why}; ${RIGHT}`, { hint: MAKE })
  const other = OTHERS.find(([label]) => pem !== undefined && label.test(pem.label))
  if (other !== undefined) throw refuse(other[1])
  const bytes = pem?.bytes ?? decodeBase64(text)
  const der = bytes.length === 32 && pem === undefined ? Buffer.concat([PKCS8_HEAD, bytes]) : bytes
  let key: KeyObject
  try {
    key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  } catch {
    // Without its cause: that may quote what it was given.
    throw refuse('it is no private key')
  }
  if (key.asymmetricKeyType === 'ed25519') return key
  throw refuse(`it is a key of the kind ${key.asymmetricKeyType}`)
}

function readPem(text: string): { label: string; bytes: Buffer } | undefined {
  const [, label, body] = /-----BEGIN ([A-Z0-9 ]+)-----([\s\S]*)-----END \1-----/.exec(text) ?? []
  return label === undefined || body === undefined
    ? undefined
    : { label, bytes: decodeBase64(body.replaceAll('\\n', '')) }
}

function decodeBase64(text: string): Buffer {
  const plain = text.replaceAll(/\s/g, '')
  return /^[\w+/-]+={0,2}$/.test(plain) ? Buffer.from(plain, 'base64') : Buffer.alloc(0)
}

/** @throws KeyError for one that is none; undefined: the image has none */
export async function readImageKey(root: MachineRoot): Promise<KeyObject | undefined> {
  const text = await root.readText(CERTIFICATE_KEY)
  return text === undefined ? undefined : parseSigningKey(text)
}

/**
 * A public Ed25519 key: SubjectPublicKeyInfo as PEM, or its 32 bytes in base64.
 * @throws KeyError
 */
export function parsePublicKey(text: string, name: string): TrustedKey {
  // Whoever hands out the private one gives away the right to sign.
  if (text.includes('PRIVATE KEY'))
    throw new KeyError(`${name}: is a private key; checking takes the public one`, { hint: PUBLISH })
  const raw = text.includes('-----BEGIN') ? undefined : decodeKey(text.trim())
  let key: KeyObject
  try {
    key = raw === undefined ? createPublicKey(text) : publicKeyOf(raw)
  } catch (cause) {
    throw new KeyError(`${name}: is no public key`, { hint: PUBLISH, cause })
  }
  if (key.asymmetricKeyType === 'ed25519') return { name, key }
  throw new KeyError(`${name}: is a key of the kind ${key.asymmetricKeyType}, not Ed25519`, { hint: MAKE })
}

/** @throws KeyError for one that is none: a check with half of its keys is none */
export async function readCertificateKeys(root: MachineRoot): Promise<TrustedKey[]> {
  const names = (await root.list(CERTIFICATE_KEYS)) ?? []
  return Promise.all(
    names.map(async (name) =>
      parsePublicKey((await root.readText(`${CERTIFICATE_KEYS}/${name}`)) ?? '', name),
    ),
  )
}

/** 32 bytes from base64 with nothing else in it, else undefined. */
export function decodeKey(text: string): Buffer | undefined {
  const raw = Buffer.from(text, 'base64')
  return raw.length === 32 && raw.toString('base64') === text ? raw : undefined
}

export function publicKeyOf(raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI_HEAD, raw]), format: 'der', type: 'spki' })
}

export function rawPublicKey(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' }).subarray(SPKI_HEAD.length)
}

/** As `openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary | base64` gives it. */
export function fingerprint(key: KeyObject): string {
  const der = key.export({ format: 'der', type: 'spki' })
  return `SHA256:${createHash('sha256').update(der).digest('base64')}`
}
