import { stat } from 'node:fs/promises'
import type { Outcome } from '../../exit.ts'
import { AGE_UNPROVED } from '../../root/candidate/claims.ts'
import { roomOn } from '../../root/deliver/part-file.ts'
import { type PlannedDelivery, planDelivery } from '../../root/deliver/plan-delivery.ts'
import { formatAmount } from '../../runtime/format.ts'
import { createHttpStream } from '../../system/http-stream.ts'
import { type CliContext, printJson, printLine } from '../context.ts'
import type { Session } from './session.ts'
import { readClaimsCheck } from './stage-claims.ts'
import { tellUndelivered } from './stage-verdict.ts'

/**
 * Says what staging from a URL would fetch. Only the manifest and its signature are fetched, into memory, and of an
 * image without one its size is asked for: hostpart stays as it is, and what the image itself is like is not looked at.
 */
export async function planFromUrl(
  source: string,
  { allowDowngrade, json }: { allowDowngrade: boolean; json: boolean },
  session: Session,
  ctx: CliContext,
): Promise<Outcome> {
  const { http, clock, signal, root, stdout } = ctx
  const { hostpart, names, say } = session
  const { keys, notBefore, check } = await readClaimsCheck({ allowDowngrade }, session, ctx)
  let planned: PlannedDelivery
  try {
    planned = await planDelivery(
      source,
      { hostpart, names },
      { keys },
      { ...{ http, clock, signal, stream: createHttpStream(root) }, say: (text) => say('warning', text) },
    )
    const manifest = planned.described?.read.manifest
    if (manifest !== undefined) check(manifest)
  } catch (error) {
    return tellUndelivered(error, { json, plan: true }, ctx)
  }
  const manifest = planned.described?.read.manifest
  if (json) {
    const { chunks: _, ...described } = manifest ?? {}
    printJson(stdout, {
      outcome: 'unchanged',
      manifest: manifest === undefined ? null : described,
      fetch: planned.plan ?? { totalBytes: planned.size ?? null, fetchBytes: planned.size ?? null },
      roomBytes: planned.roomBytes,
    })
  } else for (const line of describe(planned, keys.length > 0)) printLine(stdout, line)
  if (manifest !== undefined && keys.length > 0 && notBefore === undefined && !json)
    printLine(stdout, AGE_UNPROVED)
  // A plan was asked for, and told; whether the image is taken is no part of it.
  return null
}

/** Says whether there is room to copy a file; where hostpart's filesystem shares blocks, none is taken. */
export async function describeRoomFor(file: string, { hostpart }: Session): Promise<string[]> {
  return describeRoom((await stat(file)).size, await roomOn(hostpart))
}

function describe({ described, plan, size, roomBytes }: PlannedDelivery, signed: boolean): string[] {
  const last = 'whether it is taken is told once it is here'
  const amount = (bytes: number) => formatAmount(bytes, 'bytes')
  if (described === undefined || plan === undefined) {
    const all = size === undefined ? 'all of it, and the server tells no size' : `all of it, ${amount(size)}`
    const room = size === undefined ? [] : describeRoom(size, roomBytes)
    const unproved = 'it has no manifest, so that its content would not be proved'
    return [unproved, `would be fetched: ${all}`, ...room, last]
  }
  const { version, kernelRelease, created } = described.read.manifest
  const { totalBytes, fetchBytes, missingBytes, hereBytes, zeroBytes, writeBytes, chunks, fetchChunks } = plan
  const packed = fetchBytes === missingBytes ? '' : `${amount(fetchBytes)}, packed, for `
  return [
    `version ${version}, kernel ${kernelRelease}, made on ${created}${signed ? ', signed for this host' : ''}`,
    `would be fetched: ${packed}${amount(missingBytes)} of ${amount(totalBytes)}, ${fetchChunks} of ${chunks} chunks`,
    ...(hereBytes === 0 ? [] : [`is here already: ${amount(hereBytes)}`]),
    ...(zeroBytes === 0 ? [] : [`zeros, which nobody sends: ${amount(zeroBytes)}`]),
    ...describeRoom(writeBytes, roomBytes),
    last,
  ]
}

function describeRoom(bytes: number, room: number): string[] {
  const [most, there] = [bytes, room].map((each) => formatAmount(each, 'bytes'))
  const head = `would be written: at most ${most}, and hostpart has room for ${there}`
  return [bytes <= room ? head : `${head}: that may be too little`]
}
