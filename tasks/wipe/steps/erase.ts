import type { StepContext, StepOutcome } from '../../../src/runtime/task.ts'
import { attachToRunning, eraseByFirmware } from '../../../src/system/drive/erase.ts'
import type { FirmwareMethod, FirmwareOutcome } from '../../../src/system/drive/schema.ts'
import { mistaken } from '../identify.ts'
import { type DiskRecord, openRecord } from '../journal.ts'
import type { DiskId, MethodChoice, WipeKinds } from '../schema.ts'
import { firmwareDeps } from './firmware-deps.ts'
import { overwrite } from './overwrite.ts'

type Attempt = { method: string; state: string; reason?: string } & Record<string, unknown>

/**
 * Erases a drive by the best of the methods that were planned. The next one, which is of the same level, is tried only
 * when the drive has rejected the one before and holds its data as it was.
 */
export async function erase(params: WipeKinds['erase'], ctx: StepContext): Promise<StepOutcome> {
  const records = await Promise.all(params.disks.map((disk) => openRecord(ctx.stateDir, disk)))
  const earlier = records.map(({ data }) => data.passed.erase)
  const [first] = earlier
  if (first !== undefined && earlier.every((each) => each !== undefined))
    return { verdict: 'passed', evidence: { ...first.evidence, earlier: true } }

  const disks = params.disks.map((disk, index) => ({ ...disk, ...records[index]?.data.current }))
  const attempts: Attempt[] = []
  for (const choice of candidates(params, records)) {
    const outcome = await attempt(choice, params, disks, records, ctx)
    if (outcome.state !== 'rejected') return conclude(outcome, choice, attempts, records, ctx.clock.now())
    const { reason = 'rejected' } = outcome
    attempts.push({ method: choice.method, state: 'rejected', reason, ...outcome.evidence })
    ctx.voice.log('warning', `${choice.method}: ${reason}`)
  }
  return { verdict: 'failed', reason: allRejected(attempts), evidence: { attempts } }
}

/**
 * What may be tried. An erase that this job had begun before it was ended goes on by its own method: what waits for a
 * running one need not guess which it is, and a method that was rejected then is not tried again.
 */
function candidates(
  { choices }: WipeKinds['erase'],
  records: readonly DiskRecord[],
): readonly MethodChoice[] {
  const open = records[0]?.data.erase
  if (open === null || open === undefined || open.ended !== null) return choices
  const at = choices.findIndex(({ method }) => method === open.method)
  return at < 0 ? choices : choices.slice(at)
}

function allRejected(attempts: readonly Attempt[]): string {
  const tried = attempts.map(({ method, reason }) => `${method}: ${reason}`).join('; ')
  return `not erased: no method of this level was taken (${tried})`
}

async function attempt(
  choice: MethodChoice,
  params: WipeKinds['erase'],
  disks: readonly DiskId[],
  records: readonly DiskRecord[],
  ctx: StepContext,
): Promise<FirmwareOutcome> {
  const { method, level } = choice
  for (const disk of disks) {
    const wrong = await mistaken(disk, ctx)
    if (wrong !== undefined) return { state: 'failed', reason: wrong, evidence: {} }
  }
  for (const { data, save } of records) {
    const goesOn = data.erase?.method === method && data.erase.ended === null
    const same = method === 'overwrite' ? data.erase?.passes === params.passes : params.attach
    if (!goesOn || !same) data.erase = begun(choice, params, ctx.clock.now())
    await save()
  }
  ctx.voice.log('info', `${method} (${level})`)
  if (method === 'overwrite') return overwriteAll(params, disks, records, ctx)
  if (method === 'signatures') throw new Error('signatures are cleared by a step of their own')
  return byFirmware(method, choice.scope, params, disks, records, ctx)
}

function begun({ method, level }: MethodChoice, { passes, attach }: WipeKinds['erase'], now: number) {
  return {
    method,
    level,
    // What is only waited for was begun by somebody else.
    stated: !attach,
    passes,
    started: new Date(now).toISOString(),
    pass: 0,
    patternSeed: null,
    written: 0,
    unwritten: [],
    unwrittenBytes: 0,
    spent: 0,
    ended: null,
  }
}

async function overwriteAll(
  params: WipeKinds['erase'],
  disks: readonly DiskId[],
  records: readonly DiskRecord[],
  ctx: StepContext,
): Promise<FirmwareOutcome> {
  let evidence = {}
  for (const [index, disk] of disks.entries()) {
    const record = records[index]
    if (record === undefined) continue
    // What is written already must not be given away again.
    const untouched = record.data.erase?.pass === 0 && record.data.erase.written === 0
    if (params.discard && untouched) await discard(disk, ctx)
    const outcome = await overwrite(disk, record, params, ctx)
    evidence = disks.length === 1 ? outcome.evidence : { ...evidence, [disk.name]: outcome.evidence }
    if (outcome.verdict !== 'passed') {
      const { verdict: state, reason = 'not done' } = outcome
      return { state, reason, evidence }
    }
  }
  return { state: 'done', evidence }
}

/** Tells flash that nothing is needed any more; what follows is the erase, so it matters little whether it works. */
async function discard({ path }: DiskId, { exec, signal, voice }: StepContext): Promise<void> {
  try {
    await exec('blkdiscard', ['--force', path], { signal, timeout: 600_000 })
  } catch (error) {
    signal.throwIfAborted()
    voice.log('info', `discard before the overwrite: ${(error as Error).message}`)
  }
}

async function byFirmware(
  method: FirmwareMethod,
  scope: MethodChoice['scope'],
  params: WipeKinds['erase'],
  disks: readonly DiskId[],
  records: readonly DiskRecord[],
  ctx: StepContext,
): Promise<FirmwareOutcome> {
  const { capabilities, attach } = params
  const deps = firmwareDeps(ctx, records, params)
  if (attach) return attachToRunning(method, { disks: [...disks], capabilities }, deps)
  if (scope === 'drive') return eraseByFirmware(method, { disks: [...disks], capabilities }, deps)
  const evidence: Record<string, unknown> = {}
  for (const disk of disks) {
    const outcome = await eraseByFirmware(method, { disks: [disk], capabilities }, deps)
    evidence[disk.name] = outcome.evidence
    // With one of them erased already it is not as it was any more.
    const begun = Object.keys(evidence).length > 1 && outcome.state === 'rejected'
    if (outcome.state !== 'done') return { ...outcome, state: begun ? 'failed' : outcome.state, evidence }
  }
  return { state: 'done', evidence }
}

async function conclude(
  { state, reason, evidence, method: stated }: FirmwareOutcome,
  { method, level }: MethodChoice,
  attempts: readonly Attempt[],
  records: readonly DiskRecord[],
  now: number,
): Promise<StepOutcome> {
  // What was waited for may have been another kind of the same level.
  const ran = stated ?? method
  const full = { method: ran, level, ...evidence, ...(attempts.length === 0 ? {} : { attempts }) }
  if (state !== 'done')
    return { verdict: state === 'unknown' ? 'unknown' : 'failed', reason: reason ?? state, evidence: full }
  for (const { data, save } of records) {
    if (data.erase !== null) {
      data.erase.ended = new Date(now).toISOString()
      data.erase.method = ran
      data.erase.stated ||= stated !== undefined
      if (ran !== 'overwrite') data.erase.spent = Math.max(0, now - Date.parse(data.erase.started))
    }
    data.passed.erase = { evidence: full }
    await save()
  }
  return { verdict: 'passed', evidence: full }
}
