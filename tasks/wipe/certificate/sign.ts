import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { signedBytes } from './canonical.ts'
import { decodeKey, fingerprint, publicKeyOf, rawPublicKey } from './keys.ts'
import type { Certificate, CertificateSignature } from './schema.ts'

/** The same certificate with an Ed25519 signature (RFC 8032) over its canonical bytes; one that it had is replaced. */
export function signCertificate(certificate: Certificate, privateKey: KeyObject): Certificate {
  const key = createPublicKey(privateKey)
  const value = sign(null, signedBytes(certificate), privateKey)
  return {
    ...certificate,
    signature: {
      algorithm: 'Ed25519',
      key: rawPublicKey(key).toString('base64'),
      keyFingerprint: fingerprint(key),
      value: value.toString('base64'),
    },
  }
}

/**
 * The key that has signed the document.
 * @param document as it was read: what a schema leaves out is signed too
 * @returns a reason, as text, when the signature is not right
 */
export function verifySignature(document: object, signature: CertificateSignature): KeyObject | string {
  const raw = decodeKey(signature.key)
  const value = Buffer.from(signature.value, 'base64')
  if (raw === undefined) return 'the key of its signature is none'
  if (value.length !== 64 || value.toString('base64') !== signature.value)
    return 'its signature is no Ed25519 signature'
  const key = publicKeyOf(raw)
  if (fingerprint(key) !== signature.keyFingerprint)
    return 'the fingerprint of its signature is that of another key'
  return verify(null, signedBytes(document), key, value)
    ? key
    : 'its signature does not fit: the document was changed after it was signed'
}
