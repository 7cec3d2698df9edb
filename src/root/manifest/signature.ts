import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
import { checkSignature, TrustError, type TrustKey } from '../../job/trust.ts'
import type { MachineRoot } from '../../system/machine-root.ts'

/** With a key in it, an image takes signed manifests only. */
export const ROOT_KEYS = '/etc/speediso/root-keys'

/** Public keys that this machine trusts to sign root images. @throws ReadError */
export async function readRootKeys(root: MachineRoot): Promise<TrustKey[]> {
  const names = ((await root.list(ROOT_KEYS)) ?? []).filter((name) => name.endsWith('.pem'))
  const keys: TrustKey[] = []
  for (const name of names) {
    const path = `${ROOT_KEYS}/${name}`
    const pem = await root.readText(path)
    if (pem !== undefined) keys.push({ name: path, pem })
  }
  return keys
}

/**
 * The key that has signed a manifest; undefined when there are no keys, and nothing is proved.
 * @throws TrustError when there are keys and none of them has signed it
 */
export function verifyManifestSignature(
  bytes: Uint8Array,
  signature: Uint8Array | undefined,
  keys: readonly TrustKey[],
): TrustKey | undefined {
  if (keys.length === 0) return undefined
  if (signature === undefined)
    throw new TrustError('its manifest has no signature, and this host takes signed images only', {
      hint: `put the signature beside it as NAME.img.json.sig; the keys are in ${ROOT_KEYS}`,
    })
  return checkSignature(bytes, signature, keys)
}

/** The Ed25519 signature (RFC 8032) of a manifest's bytes as they are: 64 bytes. @throws TrustError for another key */
export function signManifest(bytes: Uint8Array, privateKeyPem: string): Buffer {
  let key: KeyObject
  try {
    key = createPrivateKey(privateKeyPem)
  } catch (cause) {
    throw new TrustError('this is no private key in PEM', {
      hint: 'openssl genpkey -algorithm ed25519 makes one',
      cause,
    })
  }
  if (key.asymmetricKeyType !== 'ed25519')
    throw new TrustError('this is no Ed25519 key', { hint: 'openssl genpkey -algorithm ed25519 makes one' })
  return sign(null, bytes, key)
}
