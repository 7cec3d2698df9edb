import { explainInLine } from '../../errors.ts'
import type { Outcome } from '../../exit.ts'
import { TrustError } from '../../job/trust.ts'
import { AGE_UNPROVED, checkDenied, checkNotBefore } from '../../root/candidate/claims.ts'
import { Refusal } from '../../root/candidate/refusal.ts'
import { type PlannedDelivery, planDelivery } from '../../root/deliver/plan-delivery.ts'
import { ManifestError } from '../../root/manifest/manifest.ts'
import { readRootKeys } from '../../root/manifest/signature.ts'
import { confirmedCreated } from '../../root/manifests.ts'
import { readRecord } from '../../root/record-file.ts'
import { formatAmount } from '../../runtime/format.ts'
import { createHttpStream } from '../../system/http-stream.ts'
import { type CliContext, printJson, printLine } from '../context.ts'
import type { Session } from './session.ts'
import { tell } from './stage-verdict.ts'

/**
 * Says what staging from a URL would fetch. Only the manifest and its signature are fetched, into memory: hostpart stays
 * as it is, and what the image itself is like is not looked at.
 */
export async function planFromUrl(
  source: string,
  { allowDowngrade, json }: { allowDowngrade: boolean; json: boolean },
  { hostpart, names, say }: Session,
  ctx: CliContext,
): Promise<Outcome> {
  const { http, clock, signal, root, stdout } = ctx
  const keys = await readRootKeys(root)
  const record = await readRecord(hostpart)
  const notBefore = await confirmedCreated(hostpart, record)
  let planned: PlannedDelivery
  try {
    planned = await planDelivery(
      source,
      { hostpart, names },
      { keys },
      { ...{ http, clock, signal, stream: createHttpStream(root) }, say: (text) => say('warning', text) },
    )
    const manifest = planned.described?.read.manifest
    if (manifest !== undefined) {
      checkDenied({ id: manifest.image, sha256: manifest.sha256 }, record?.denied ?? [])
      if (keys.length > 0 && !allowDowngrade) checkNotBefore(manifest, notBefore)
    }
  } catch (error) {
    if (!(error instanceof TrustError || error instanceof ManifestError || error instanceof Refusal))
      throw error
    return tell({ accepted: false, reason: explainInLine(error) }, { json, plan: true }, ctx)
  }
  const manifest = planned.described?.read.manifest
  if (json) {
    const { chunks: _, ...described } = manifest ?? {}
    printJson(stdout, {
      outcome: 'unchanged',
      manifest: manifest === undefined ? null : described,
      fetch: planned.plan ?? null,
    })
  } else for (const line of describe(planned, keys.length > 0)) printLine(stdout, line)
  if (manifest !== undefined && keys.length > 0 && notBefore === undefined && !json)
    printLine(stdout, AGE_UNPROVED)
  // A plan was asked for, and told; whether the image is taken is no part of it.
  return null
}

function describe({ described, plan }: PlannedDelivery, signed: boolean): string[] {
  const last = 'whether it is taken is told once it is here'
  if (described === undefined || plan === undefined)
    return ['it has no manifest: all of it would be fetched, and its content would not be proved', last]
  const { version, kernelRelease, created } = described.read.manifest
  const { totalBytes, fetchBytes, hereBytes, zeroBytes, chunks, fetchChunks } = plan
  const amount = (bytes: number) => formatAmount(bytes, 'bytes')
  return [
    `version ${version}, kernel ${kernelRelease}, made on ${created}${signed ? ', signed for this host' : ''}`,
    `would be fetched: ${amount(fetchBytes)} of ${amount(totalBytes)}, ${fetchChunks} of ${chunks} chunks`,
    `is here already: ${amount(hereBytes)}; zeros: ${amount(zeroBytes)}`,
    last,
  ]
}
