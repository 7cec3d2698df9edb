import { createPrivateKey, type KeyObject } from 'node:crypto'

/** PKCS#8 of an Ed25519 key up to its 32-byte seed (RFC 8410, section 7). */
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex')

const SEED_BYTES = 32

const RIGHT = 'give an Ed25519 private key: PKCS#8 as PEM, that in base64, or its 32-byte seed in base64'

/**
 * The key that signs certificates. On a command line the line ends of PEM may be spaces or `\n`.
 * @throws RangeError that says what would be right, and nothing of the key
 */
export function readSigningKey(text: string): KeyObject {
  const given = text.trim()
  const decoded = decode(given)
  const bytes = bodyOfPem(given) ?? bodyOfPem(decoded.toString('latin1')) ?? decoded
  const der = bytes.length === SEED_BYTES ? Buffer.concat([PKCS8_HEAD, bytes]) : bytes
  let key: KeyObject
  try {
    key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  } catch {
    // Node's message may quote what it was given.
    throw new RangeError(`it is no private key; ${RIGHT}`)
  }
  if (key.asymmetricKeyType !== 'ed25519')
    throw new RangeError(`it is a key of the kind ${key.asymmetricKeyType}; ${RIGHT}`)
  return key
}

function bodyOfPem(text: string): Buffer | undefined {
  const body = /^-----BEGIN PRIVATE KEY-----([\sA-Za-z0-9+/=\\]+)-----END PRIVATE KEY-----\s*$/.exec(
    text,
  )?.[1]
  return body === undefined ? undefined : decode(body.replaceAll('\\n', ''))
}

/** Empty for what is not base64. */
function decode(text: string): Buffer {
  const plain = text.replaceAll(/\s/g, '')
  return /^[A-Za-z0-9+/_-]+={0,2}$/.test(plain) ? Buffer.from(plain, 'base64') : Buffer.alloc(0)
}
