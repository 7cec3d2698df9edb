import { createHash, createPublicKey, verify } from 'node:crypto'
import { SpeedisoError } from '../errors.ts'

/** A public key of the image that job files may be signed by. */
export interface TrustKey {
  /** Its file. */
  name: string
  /** PEM, SubjectPublicKeyInfo (RFC 8410). */
  pem: string
}

/** A job file is not what it should be. */
export class TrustError extends SpeedisoError {
  override readonly code: string = 'not-trusted'
}

/** @throws TrustError that names both digests */
export function checkDigest(bytes: Uint8Array, sha256: string): void {
  const got = createHash('sha256').update(bytes).digest('hex')
  if (got === sha256.toLowerCase()) return
  throw new TrustError(`its SHA-256 is ${got} and not ${sha256}`, {
    hint: 'is speediso.job.sha256= that of this file?',
  })
}

/**
 * The key that has signed these bytes. An Ed25519 signature (RFC 8032) over the file as it is: 64 bytes, raw or base64.
 * @throws TrustError when none has
 */
export function checkSignature(
  bytes: Uint8Array,
  signature: Uint8Array,
  keys: readonly TrustKey[],
): TrustKey {
  const raw = signature.length === 64 ? signature : Buffer.from(Buffer.from(signature).toString(), 'base64')
  if (raw.length !== 64) throw new TrustError('its signature is no Ed25519 signature: it takes 64 bytes')
  // All of them are read first: one that is none is a mistake in the image, whichever has signed.
  const read = keys.map((key) => ({ key, object: readKey(key) }))
  const by = read.find(({ object }) => verify(null, bytes, object, raw))?.key
  if (by !== undefined) return by
  throw new TrustError(
    `it is signed by none of the image's keys (${keys.map(({ name }) => name).join(', ')})`,
  )
}

function readKey({ name, pem }: TrustKey) {
  if (pem.includes('PRIVATE KEY'))
    throw new TrustError(`${name}: is a private key, which belongs in no image`)
  try {
    const key = createPublicKey(pem)
    if (key.asymmetricKeyType === 'ed25519') return key
  } catch (cause) {
    throw new TrustError(`${name}: is no public key`, { cause })
  }
  throw new TrustError(`${name}: is no Ed25519 key`)
}
