import { SpeedisoError } from '../../errors.ts'
import type { TrustKey } from '../../job/trust.ts'
import { checkDenied, checkNotBefore } from '../../root/candidate/claims.ts'
import { Refusal } from '../../root/candidate/refusal.ts'
import type { RootImageManifest } from '../../root/manifest/schema.ts'
import { readRootKeys } from '../../root/manifest/signature.ts'
import { confirmedCreated } from '../../root/manifests.ts'
import { readRecord } from '../../root/record-file.ts'
import type { CandidateVerdict } from '../../root/schema.ts'
import { standingOf } from '../../root/standing.ts'
import { refuseTwin } from '../../root/twin.ts'
import type { CliContext } from '../context.ts'
import { askedAtRunTime, type Session } from './session.ts'

/** There is nothing to do: what was asked for is so. */
export class AlreadyCurrentError extends SpeedisoError {}

/** What this host holds against an image by its manifest alone, before anything of the image itself is fetched. */
export interface ClaimsCheck {
  keys: TrustKey[]
  /** When the image that was confirmed last was made, when that is known. */
  notBefore: string | undefined
  /** @throws Refusal for a manifest of an image that would be refused once it is here; AlreadyCurrentError */
  check(manifest: RootImageManifest): void
}

export async function readClaimsCheck(
  { allowDowngrade }: { allowDowngrade: boolean },
  session: Session,
  { root }: CliContext,
): Promise<ClaimsCheck> {
  const { hostpart } = session
  const keys = await readRootKeys(root)
  const record = await readRecord(hostpart)
  const notBefore = await confirmedCreated(hostpart, record)
  const besides = await readTwinCheck(session)
  return {
    ...{ keys, notBefore },
    check(manifest) {
      checkDenied({ id: manifest.image, sha256: manifest.sha256 }, record?.denied ?? [])
      if (keys.length > 0 && !allowDowngrade) checkNotBefore(manifest, notBefore)
      const image = { id: manifest.image, sha256: manifest.sha256 }
      const verdict = besides({ accepted: true, image, kernel: 'other', evidence: [] })
      if (!verdict.accepted) throw new Refusal(verdict.reason)
    },
  }
}

/** Holds an accepted candidate against the images that are here. @throws AlreadyCurrentError from what is given back */
export async function readTwinCheck(
  session: Session,
): Promise<(verdict: CandidateVerdict) => CandidateVerdict> {
  const seen = await session.observe(await askedAtRunTime(session, 'confirm'))
  const { current = '' } = seen.files
  const sha256 = (seen.record?.images[current] ?? seen.facts[current])?.sha256
  return (verdict) => {
    const told = refuseTwin({ ...seen, candidate: verdict }, standingOf(seen)).candidate ?? verdict
    if (!told.accepted && verdict.accepted && sha256 !== undefined && verdict.image.sha256 === sha256)
      throw new AlreadyCurrentError('it is the current image already: nothing was done')
    return told
  }
}
