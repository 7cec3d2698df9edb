import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
import { checkSignature, TrustError, type TrustKey } from '../../job/trust.ts'
import type { MachineRoot } from '../../system/machine-root.ts'

/** With a key in it, an image takes signed manifests only. */
export const ROOT_KEYS = '/etc/speediso/root-keys'

/**
 * Public keys that this machine trusts to sign root images. What lies there and gives no key is one with an empty `pem`:
 * nothing is signed by it, so that a mistake there never opens the host for what is not signed at all.
 */
export async function readRootKeys(root: MachineRoot): Promise<TrustKey[]> {
  const none = { name: ROOT_KEYS, pem: '' }
  let names: string[] | undefined
  try {
    names = await root.list(ROOT_KEYS)
    if (names === undefined) return (await root.exists(ROOT_KEYS)) ? [none] : []
  } catch {
    return [none]
  }
  return Promise.all(
    names.map(async (each) => {
      const name = `${ROOT_KEYS}/${each}`
      // Of a folder, a dangling link, a disk that fails.
      const pem = each.endsWith('.pem') ? await root.readText(name).catch(() => undefined) : undefined
      return { name, pem: pem ?? '' }
    }),
  )
}

/** @throws TrustError when one of them is none */
export function checkKeys(keys: readonly TrustKey[]): void {
  const wrong = keys.find(({ pem }) => pem === '')
  if (wrong === undefined) return
  throw new TrustError(`${wrong.name} gives no key, so that no image is trusted`, {
    hint: `a key is a file ${ROOT_KEYS}/NAME.pem, and nothing else may lie there`,
  })
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
  checkKeys(keys)
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
