import type { FinishedStep, WorkContext } from '../../src/runtime/task.ts'
import { combineVerdicts, type Verdict } from '../../src/runtime/verdict.ts'
import { knownValue } from '../../src/system/finding.ts'
import type { DiskResult } from './certificate/make.ts'
import { currentDisk, openRecord } from './journal.ts'
import type { WipeOptions } from './options.ts'
import type { DiskId, DiskJournal, Level, WipeFacts, WipeKinds } from './schema.ts'

type Erase = WipeKinds['erase']

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
export function stepsOf(name: string, finished: readonly FinishedStep[]): FinishedStep[] {
  return finished.filter(({ step }) => {
    const { disk, disks } = step.params as { disk?: DiskId; disks?: DiskId[] }
    return OWN.has(step.kind) && (disk?.name === name || disks?.some((each) => each.name === name) === true)
  })
}

export function deviceOf(id: DiskId) {
  const { path, transport, sizeBytes, sectorBytes, rotational, model, serial, wwn, firmware } = id
  return {
    ...{ path, transport, sizeBytes, rotational, sectorBytes: Math.max(1, sectorBytes) },
    ...given({ model, serial, wwn, firmware }),
  }
}

/** Everything that is known of one disk, for its certificate: from its steps, and from its journal. */
export async function diskResult(
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

/** Without the members that are not there. */
export function given<T extends Record<string, unknown>>(
  members: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as never
}
