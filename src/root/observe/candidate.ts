import { readFile, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { InputError } from '../../errors.ts'
import type { TrustKey } from '../../job/trust.ts'
import type { Exec } from '../../system/exec.ts'
import { SIDECARS } from '../acts.ts'
import { judgeCandidate } from '../candidate/judge.ts'
import { Refusal } from '../candidate/refusal.ts'
import { MANIFEST_LIMIT, SIGNATURE_LIMIT } from '../manifest/schema.ts'
import type { Denied } from '../record.ts'
import type { CandidateVerdict } from '../schema.ts'
import { oddKind } from './files.ts'

export interface JudgeFileDeps {
  exec: Exec
  signal: AbortSignal
  /** It lies anywhere, and is only looked at: a link to it will do. */
  mayBeLink?: boolean
  /** For mount points. */
  folder: string
  keys: readonly TrustKey[]
  denied: readonly Denied[]
  /** Made before that, a signed image is refused; see judgeCandidate. */
  notBefore?: string
  /** bootDigest of the image whose kernel runs, where it is known. */
  bootDigest?: string
  progress?: (done: number, total: number) => void
}

const LIMITS = { '.json': MANIFEST_LIMIT, '.json.sig': SIGNATURE_LIMIT }

/**
 * The manifest and the signature that lie beside an image.
 * @throws Refusal for one that is too large, InputError for what is no file, another error when it cannot be read
 */
export async function readSidecars(file: string): Promise<{ manifest?: Buffer; signature?: Buffer }> {
  const [manifest, signature] = await Promise.all(
    SIDECARS.map((ending) => readSidecar(`${file}${ending}`, LIMITS[ending])),
  )
  return { ...(manifest && { manifest }), ...(signature && { signature }) }
}

async function readSidecar(path: string, limit: number): Promise<Buffer | undefined> {
  try {
    // To open a pipe would wait for its other end.
    const found = await stat(path)
    if (!found.isFile()) throw new InputError(`${path}: is no file`)
    if (found.size > limit)
      throw new Refusal(`${basename(path)} has ${found.size} bytes, and may have ${limit}: is it its own?`)
    return await readFile(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    // Somebody meant it to be there.
    if ((await oddKind(path)) !== undefined) throw new InputError(`${path}: is a link that leads nowhere`)
    return undefined
  }
}

/** Judges an image with what lies beside it. @throws what judgeCandidate throws */
export async function judgeFile(file: string, deps: JudgeFileDeps): Promise<CandidateVerdict> {
  const { keys, denied, notBefore, bootDigest, mayBeLink = false, ...rest } = deps
  const odd = mayBeLink ? undefined : await oddKind(file)
  if (odd !== undefined)
    return { accepted: false, reason: `it is ${odd}, and an image has to be a file itself: copy it there` }
  let sidecars: Awaited<ReturnType<typeof readSidecars>>
  try {
    sidecars = await readSidecars(file)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return { accepted: false, reason: error.message }
  }
  const options = {
    ...{ ...sidecars, keys, denied },
    ...(notBefore === undefined ? {} : { notBefore }),
    ...(bootDigest === undefined ? {} : { bootDigest }),
  }
  return judgeCandidate(file, options, rest)
}
