import { randomUUID } from 'node:crypto'
import * as z from 'zod'
import type { FinishedStep, WorkContext } from '../../src/runtime/task.ts'
import { combineVerdicts, type Verdict, verdictSchema } from '../../src/runtime/verdict.ts'
import { knownValue } from '../../src/system/finding.ts'
import { build } from '../../src/version.ts'
import { parseSigningKey, readImageKey } from './certificate/keys.ts'
import { type DiskResult, makeCertificate } from './certificate/make.ts'
import { type Certificate, type CertificateDisk, certificateSchema } from './certificate/schema.ts'
import { signCertificate } from './certificate/sign.ts'
import { currentDisk, openRecord } from './journal.ts'
import type { WipeOptions } from './options.ts'
import {
  type DiskId,
  type DiskJournal,
  LEVELS,
  type Level,
  type WipeFacts,
  type WipeKinds,
} from './schema.ts'

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

type Erase = WipeKinds['erase']

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

/** Without the members that are not there. */
function given<T extends Record<string, unknown>>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as never
}

const OWN = new Set([
  'tear-down',
  'unlock',
  'restore-size',
  'reformat',
  'mark',
  'erase',
  'verify',
  'clear-signatures',
])

/** The steps that do something to a disk. */
function stepsOf(name: string, finished: readonly FinishedStep[]): FinishedStep[] {
  return finished.filter(({ step }) => {
    const { disk, disks } = step.params as { disk?: DiskId; disks?: DiskId[] }
    return OWN.has(step.kind) && (disk?.name === name || disks?.some((each) => each.name === name) === true)
  })
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

function deviceOf(id: DiskId) {
  const { path, transport, sizeBytes, sectorBytes, rotational, model, serial, wwn, firmware } = id
  return {
    ...{ path, transport, sizeBytes, rotational, sectorBytes: Math.max(1, sectorBytes) },
    ...given({ model, serial, wwn, firmware }),
  }
}

async function diskResult(
  id: DiskId,
  finished: readonly FinishedStep[],
  facts: WipeFacts,
  options: WipeOptions,
  ctx: WorkContext,
): Promise<DiskResult> {
  const steps = stepsOf(id.name, finished)
  const { data } = await openRecord(ctx.stateDir, id)
  const of = (kind: string) => steps.find(({ step }) => step.kind === kind)
  const erase = of('erase')
  const bad = steps.filter(({ outcome }) => outcome.verdict !== 'passed')
  // A drive that is locked at its next start is of no use, whatever was erased.
  const locked = data.passwordSet ? ['unknown' as const] : []
  const verdict: Verdict = combineVerdicts([...steps.map(({ outcome }) => outcome.verdict), ...locked])
  const worst = bad.find(({ outcome }) => outcome.verdict === verdict)
  const disk = currentDisk(id, { data })
  const { sizeBytes } = disk
  const quick = of('clear-signatures')
  return {
    device: deviceOf(disk),
    verdict,
    ...given({ reason: worst?.outcome.reason ?? (data.passwordSet ? PASSWORD_LEFT : undefined) }),
    ...levelsOf(erase?.step.params as Erase | undefined, data, options),
    ...eraseFacts(data, sizeBytes),
    ...(quick === undefined ? {} : { method: 'signatures' as const }),
    unwritten: { bytes: data.erase?.unwrittenBytes ?? 0, ranges: data.erase?.unwritten ?? [] },
    hiddenArea: hiddenArea(id, data, facts, of('restore-size')),
    verification: verification(data, sizeBytes),
    errors: bad.map(({ step, outcome }) => `${step.title}: ${outcome.reason}`),
    endState: endState(data, erase),
    smart: { before: data.smartBefore, after: data.smartAfter },
  }
}

const PASSWORD_LEFT = 'the drive may still have the ATA password speediso: take it off by hdparm'

function levelsOf(erase: Erase | undefined, data: DiskJournal, options: WipeOptions) {
  const best = erase?.choices[0]?.level
  const levelAsked: Level = options.quick
    ? 'none'
    : options.level === 'auto'
      ? (best ?? 'clear')
      : options.level
  return { levelAsked, levelReached: data.erase?.ended == null ? ('none' as const) : data.erase.level }
}

/** From the journal, not from the options: they are those of the process that ends it, perhaps not of the one that began. */
function eraseFacts({ erase }: DiskJournal, sizeBytes: number) {
  const none = { passes: null, pattern: null, seed: null, bytesWritten: null }
  if (erase === null) return { method: null, started: null, ended: null, seconds: null, ...none }
  const { method, started, ended, spent, passes, pass, written, patternSeed: seed } = erase
  const seconds = ended === null ? null : spent / 1000
  if (method !== 'overwrite') return { method, started, ended, seconds, ...none }
  const whole = ended === null ? pass : passes
  const through = ended === null ? pass * sizeBytes + written : passes * sizeBytes
  const bytesWritten = Math.max(0, through - erase.unwrittenBytes)
  return { method, started, ended, seconds, passes: whole, pattern: patternOf(erase), seed, bytesWritten }
}

function patternOf({ patternSeed }: NonNullable<DiskJournal['erase']>): 'zero' | 'random' {
  return patternSeed === null ? 'zero' : 'random'
}

function hiddenArea(
  id: DiskId,
  data: DiskJournal,
  facts: WipeFacts,
  step: FinishedStep | undefined,
): DiskResult['hiddenArea'] {
  const found = facts.disks.find((disk) => disk.id.name === id.name)?.capabilities
  const capabilities = found === undefined ? undefined : knownValue(found)
  if (found?.status === 'unknown') return { state: 'unknown', before: null, reason: found.reason }
  if (capabilities?.kind !== 'ata') return { state: 'not applicable', before: null }
  const grown = data.current !== null && data.current.sizeBytes > data.disk.sizeBytes
  if (grown) return { state: 'restored', before: data.disk.sizeBytes }
  if (step !== undefined) {
    const before = id.sizeBytes
    return { state: 'not restored', before, reason: step.outcome.reason ?? 'it was not tried' }
  }
  const { unread = [] } = capabilities.sectors
  return unread.length > 0
    ? { state: 'unknown', before: null, reason: unread.join('; ') }
    : { state: 'none', before: null }
}

function verification({ verification: read, erase }: DiskJournal, of: number) {
  if (read === null || read.mode === 'none') return null
  const { canariesFound, readBytes, seconds: _, ...rest } = read.read
  return {
    ...rest,
    mode: read.mode,
    expected: erase?.method === 'overwrite' ? patternOf(erase) : ('anything' as const),
    asked: read.askedBytes,
    bytesRead: readBytes,
    of,
    canariesFound: canariesFound.length,
  }
}

function endState({ erase }: DiskJournal, step: FinishedStep | undefined): DiskResult['endState'] {
  if (erase === null || erase.method === 'overwrite' || step === undefined) return null
  const { verdict, reason, evidence } = step.outcome
  const state = verdict === 'passed' ? 'done' : verdict
  return { state, ...given({ reason }), evidence: { ...evidence } }
}
