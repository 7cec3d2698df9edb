import { SpeedisoError } from '../../errors.ts'
import type { TrustKey } from '../../job/trust.ts'
import { parseManifest, type ReadManifest } from '../manifest/manifest.ts'
import type { RootImageManifest } from '../manifest/schema.ts'
import { checkKeys, ROOT_KEYS, verifyManifestSignature } from '../manifest/signature.ts'
import type { Denied, ImageFacts } from '../record.ts'
import { Refusal } from './refusal.ts'

/** What comes with an image, and whom this host believes. */
export interface Claims {
  manifest?: Uint8Array
  signature?: Uint8Array
  keys: readonly TrustKey[]
  /** See checkNotBefore. */
  notBefore?: string
}

/** What is told of a signed image where nothing says when the confirmed one was made, or nobody wants to know. */
export const AGE_UNPROVED = 'that it is not older than the image confirmed last is not proved'

/** Its manifest, when there is one that may be believed; adds to the evidence. @throws Refusal */
export function checkManifest(
  { manifest, signature, keys, notBefore }: Claims,
  evidence: string[],
): ReadManifest | undefined {
  try {
    checkKeys(keys)
    if (manifest === undefined) {
      if (keys.length === 0) return undefined
      throw new Refusal(
        `it has no manifest, and this host takes signed images only (keys in ${ROOT_KEYS}): put NAME.img.json and NAME.img.json.sig beside it`,
      )
    }
    const key = verifyManifestSignature(manifest, signature, keys)
    const read = parseManifest(manifest)
    evidence.push(
      key === undefined
        ? 'no key is installed here: its signature was not asked for'
        : `its manifest is signed by ${key.name}`,
    )
    if (key !== undefined && notBefore === undefined) evidence.push(AGE_UNPROVED)
    return read
  } catch (error) {
    if (error instanceof Refusal) throw error
    // Both TrustError and ManifestError name what is wrong.
    if (!(error instanceof SpeedisoError)) throw error
    throw new Refusal(`${error.message}${error.hint === undefined ? '' : `: ${error.hint}`}`, {
      cause: error,
    })
  }
}

/** @throws Refusal when this host has gone back from it before */
export function checkDenied({ id, sha256 }: Partial<ImageFacts>, denied: readonly Denied[]): void {
  const same = denied.find(({ digest }) => digest !== '' && (digest === sha256 || digest === id))
  if (same === undefined) return
  throw new Refusal(
    `this host has gone back from this same image on ${same.time} (${same.reason}): put another one there`,
  )
}

/**
 * Refuses an image that was made before the one that this host has confirmed, so that nobody brings back a mistake that was
 * mended since by an old image that is signed all the same. Time and not version: it rises with whatever is signed.
 * @throws Refusal
 */
export function checkNotBefore({ created, version }: RootImageManifest, notBefore: string | undefined): void {
  if (notBefore === undefined || Date.parse(created) >= Date.parse(notBefore)) return
  throw new Refusal(
    `it is older than the image that this host confirmed last (version ${version} was made on ${created}, that one on ${notBefore}): speediso root stage FILE --allow-downgrade takes it all the same`,
  )
}
