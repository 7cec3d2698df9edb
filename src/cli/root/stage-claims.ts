import type { TrustKey } from '../../job/trust.ts'
import { checkDenied, checkNotBefore } from '../../root/candidate/claims.ts'
import type { RootImageManifest } from '../../root/manifest/schema.ts'
import { readRootKeys } from '../../root/manifest/signature.ts'
import { confirmedCreated } from '../../root/manifests.ts'
import { readRecord } from '../../root/record-file.ts'
import type { CliContext } from '../context.ts'
import type { Session } from './session.ts'

/** What this host holds against an image by its manifest alone, before anything of the image itself is fetched. */
export interface ClaimsCheck {
  keys: TrustKey[]
  /** When the image that was confirmed last was made, when that is known. */
  notBefore: string | undefined
  /** @throws Refusal for a manifest of an image that would be refused once it is here */
  check(manifest: RootImageManifest): void
}

export async function readClaimsCheck(
  { allowDowngrade }: { allowDowngrade: boolean },
  { hostpart }: Session,
  { root }: CliContext,
): Promise<ClaimsCheck> {
  const keys = await readRootKeys(root)
  const record = await readRecord(hostpart)
  const notBefore = await confirmedCreated(hostpart, record)
  return {
    ...{ keys, notBefore },
    check(manifest) {
      checkDenied({ id: manifest.image, sha256: manifest.sha256 }, record?.denied ?? [])
      if (keys.length > 0 && !allowDowngrade) checkNotBefore(manifest, notBefore)
    },
  }
}
