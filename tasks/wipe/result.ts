import { randomUUID } from 'node:crypto'
import * as z from 'zod'
import type { FinishedStep, WorkContext } from '../../src/runtime/task.ts'
import { type Verdict, verdictSchema } from '../../src/runtime/verdict.ts'
import { build } from '../../src/version.ts'
import { parseSigningKey, readImageKey } from './certificate/keys.ts'
import { type DiskResult, makeCertificate } from './certificate/make.ts'
import { type Certificate, type CertificateDisk, certificateSchema } from './certificate/schema.ts'
import { signCertificate } from './certificate/sign.ts'
import { deviceOf, diskResult, given, stepsOf } from './disk-result.ts'
import type { WipeOptions } from './options.ts'
import { type DiskId, LEVELS, type WipeFacts, type WipeKinds } from './schema.ts'

export const WIPE_SCHEMA = 'speediso.wipe/1'

/** The wipe of a machine in short; the certificate has the evidence. */
export const wipeResultSchema = z.object({
  schema: z.literal(WIPE_SCHEMA),
  disks: z.array(
    z.object({
      path: z.string(),
      serial: z.string().optional(),
      model: z.string().optional(),
      sizeBytes: z.number(),
      verdict: verdictSchema,
      reason: z.string().optional(),
      level: z.enum(LEVELS).describe('reached; none: nothing was proved'),
      method: z.string().nullable(),
      seconds: z.number().nullable(),
      bytesPerSecond: z.number().nullable(),
    }),
  ),
  leftAlone: z.array(
    z.object({
      path: z.string(),
      serial: z.string().optional(),
      refused: z.boolean().describe('it was asked for'),
      reason: z.string(),
    }),
  ),
  certificate: certificateSchema.nullable().describe('null: no erase was asked for, only signatures'),
})

export type WipeResult = z.infer<typeof wipeResultSchema>

interface End {
  options: WipeOptions
  ctx: WorkContext
}

/** What came of every disk, and the certificate of it, signed where there is a key. */
export async function makeResult(
  finished: readonly FinishedStep[],
  facts: WipeFacts,
  { options, ctx }: End,
): Promise<WipeResult> {
  const left = leftOf(finished)
  const touched = facts.disks.map(({ id }) => id).filter(({ name }) => stepsOf(name, finished).length > 0)
  const disks = await Promise.all(touched.map((id) => diskResult(id, finished, facts, options, ctx)))
  const certificate = options.quick ? null : await certify(disks, left, facts, options, ctx)
  return {
    schema: WIPE_SCHEMA,
    disks: certificate === null ? disks.map(quickRow) : certificate.disks.map(row),
    leftAlone: left.map(({ disk, why, reason }) => ({
      path: disk.path,
      ...given({ serial: disk.serial }),
      refused: why === 'refused',
      reason,
    })),
    certificate,
  }
}

/** What the certificate proves: it looks at the evidence once more, and no verdict is better than that. */
export function judgeResult(result: unknown): { verdict: Verdict; reason?: string | undefined } | undefined {
  const { certificate } = result as WipeResult
  return certificate === null ? undefined : certificate
}

async function certify(
  disks: readonly DiskResult[],
  left: readonly Left[],
  facts: WipeFacts,
  options: WipeOptions,
  ctx: WorkContext,
): Promise<Certificate> {
  const { hostId, origin, serial, uuid } = facts.host
  const { customer, operator, organisation, reference } = options
  const document = makeCertificate({
    id: randomUUID(),
    issued: new Date(ctx.clock.now()).toISOString(),
    speediso: { version: build.version, commit: build.commit },
    host: { hostId, origin, ...given({ serial, uuid }) },
    parties: given({ customer, operator, organisation, reference }),
    scope: options.disks.some(({ kind }) => kind === 'all') ? 'all' : 'selected',
    disks,
    leftAlone: left.map(({ disk, why, reason }) => ({ device: deviceOf(disk), why, reason })),
    unseen: facts.unseen,
  })
  const { certificate_key: text } = options
  const key = text === undefined ? await readImageKey(ctx.root) : parseSigningKey(text)
  return key === undefined ? document : signCertificate(document, key)
}

function row({ device, verdict, reason, levelReached, method, seconds, bytesPerSecond }: CertificateDisk) {
  const { path, sizeBytes, serial, model } = device
  const names = given({ serial, model, reason })
  return { path, sizeBytes, ...names, verdict, level: levelReached, method, seconds, bytesPerSecond }
}

/** Signatures alone are no erase, so there is nothing to certify; what was asked for was done or not. */
function quickRow({ device, verdict, reason, method }: DiskResult) {
  const { path, sizeBytes, serial, model } = device
  const names = given({ serial, model, reason })
  return {
    path,
    sizeBytes,
    ...names,
    verdict,
    level: 'none' as const,
    method,
    seconds: null,
    bytesPerSecond: null,
  }
}

interface Left {
  disk: DiskId
  why: 'refused' | 'excluded' | 'not selected'
  reason: string
}

function leftOf(finished: readonly FinishedStep[]): Left[] {
  return finished.flatMap(({ step }): Left[] => {
    if (step.kind === 'refuse') {
      const { disk, reason, hint } = step.params as WipeKinds['refuse']
      return [{ disk, why: 'refused', reason: hint === undefined ? reason : `${reason}; ${hint}` }]
    }
    if (step.kind !== 'check-disks') return []
    const { left } = step.params as WipeKinds['check-disks']
    return left.map(({ disk, excluded, reason }) => ({
      disk,
      why: excluded ? 'excluded' : 'not selected',
      reason,
    }))
  })
}
