import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TrustKey } from '../../job/trust.ts'
import type { Exec } from '../../system/exec.ts'
import { SIDECARS } from '../acts.ts'
import { judgeCandidate } from '../candidate/judge.ts'
import type { Denied } from '../record.ts'
import type { CandidateVerdict } from '../schema.ts'

export interface JudgeFileDeps {
  exec: Exec
  signal: AbortSignal
  /** For mount points. */
  folder: string
  keys: readonly TrustKey[]
  denied: readonly Denied[]
  /** bootDigest of the image whose kernel runs, where it is known. */
  bootDigest?: string
  progress?: (done: number, total: number) => void
}

/** The manifest and the signature that lie beside an image. @throws when one is there and cannot be read */
export async function readSidecars(file: string): Promise<{ manifest?: Buffer; signature?: Buffer }> {
  const [manifest, signature] = await Promise.all(
    SIDECARS.map((ending) =>
      readFile(`${file}${ending}`).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined
        throw error
      }),
    ),
  )
  return { ...(manifest && { manifest }), ...(signature && { signature }) }
}

/** Judges an image with what lies beside it. @throws what judgeCandidate throws */
export async function judgeFile(
  hostpart: string,
  name: string,
  deps: JudgeFileDeps,
): Promise<CandidateVerdict> {
  const { keys, denied, bootDigest, ...rest } = deps
  const file = join(hostpart, name)
  const options = { ...(await readSidecars(file)), keys, denied }
  return judgeCandidate(file, { ...options, ...(bootDigest === undefined ? {} : { bootDigest }) }, rest)
}
