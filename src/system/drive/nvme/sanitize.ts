import { knownValue } from '../../finding.ts'
import { type CommandEnd, commandEvidence, endedWell, runToEnd, whyNot } from '../command.ts'
import type { EraseDeps } from '../deps.ts'
import { type Ending, outcomeOf } from '../outcome.ts'
import type { FirmwareMethod, FirmwareOutcome, NvmeCapabilities } from '../schema.ts'
import { type Look, type Seen, watch } from '../watch.ts'
import { readSanitizeLog, type SanitizeLog } from './cli.ts'

export type NvmeSanitizeMethod = Extract<FirmwareMethod, `nvme-sanitize-${string}`>

/** Sanitize command, dword 10 bits 2:0. */
const ACTIONS: Record<NvmeSanitizeMethod, number> = {
  'nvme-sanitize-block': 2,
  'nvme-sanitize-overwrite': 3,
  'nvme-sanitize-crypto': 4,
}

const RUNNING = 2
const FAILED = 3
const COMPLETED = new Set([1, 4])

/** Milliseconds: the command only starts the operation. */
const START_TIMEOUT = 120_000

/**
 * Sanitizes the whole NVM subsystem. Success is only the log's own word that an operation of this kind has completed, and
 * that it says so because of this one: it was seen running, or the log is not what it was before.
 */
export async function sanitizeNvme(
  method: NvmeSanitizeMethod,
  { controller }: NvmeCapabilities,
  deps: EraseDeps,
): Promise<FirmwareOutcome> {
  const log = await readSanitizeLog(deps, controller)
  if (log.status !== 'known') {
    return {
      state: 'rejected',
      reason: `not started, as its end could not be read: ${log.reason}`,
      evidence: {},
    }
  }
  const before = log.value
  if (before.status === RUNNING) {
    const reason = 'not started: another sanitize operation is running'
    return { state: 'rejected', reason, evidence: { before: describe(before) } }
  }
  const args = ['sanitize', controller, `--sanact=${ACTIONS[method]}`]
  // OWPASS 0 stands for 16 passes.
  if (method === 'nvme-sanitize-overwrite') args.push('--owpass=1', '--ovrpat=0')
  const command = await runToEnd(deps.exec, 'nvme', args, { signal: deps.signal, timeout: START_TIMEOUT })
  const end = await watch((seen) => lookAt(controller, deps, { before, command, method, seen }), deps)
  return outcomeOf(end, { before: describe(before), start: commandEvidence(command) })
}

/** An operation that runs already: waits for its end, starts none. */
export async function awaitSanitize(
  { controller }: NvmeCapabilities,
  deps: EraseDeps,
): Promise<FirmwareOutcome> {
  let last: SanitizeLog | undefined
  const end = await watch<Ending>(async () => {
    const log = await readSanitizeLog(deps, controller)
    if (log.status !== 'known') return { at: 'unreadable', says: log.reason }
    last = log.value
    const says = describe(log.value)
    if (log.value.status === RUNNING) return running(log.value)
    if (log.value.status === FAILED) return { at: 'ended', says, end: { state: 'failed', reason: says } }
    return COMPLETED.has(log.value.status)
      ? { at: 'ended', says, end: { state: 'done' } }
      : { at: 'ended', says, end: { state: 'unknown', reason: `no longer running: ${says}` } }
  }, deps)
  const method = last && methodOf(last)
  return { ...outcomeOf(end, {}), ...(method === undefined ? {} : { method }) }
}

function methodOf({ cdw10 }: SanitizeLog): NvmeSanitizeMethod | undefined {
  const methods = Object.keys(ACTIONS) as NvmeSanitizeMethod[]
  return methods.find((method) => ACTIONS[method] === (cdw10 & 7))
}

interface Started {
  before: SanitizeLog
  command: CommandEnd
  method: NvmeSanitizeMethod
  seen: Readonly<Seen>
}

async function lookAt(controller: string, deps: EraseDeps, started: Started): Promise<Look<Ending>> {
  const log = knownValue(await readSanitizeLog(deps, controller))
  if (log === undefined) return { at: 'unreadable', says: 'the sanitize log cannot be read' }
  if (log.status === RUNNING) return running(log)
  const says = describe(log)
  const { before, seen } = started
  if (!seen.running && same(before, log)) return { at: 'settling', says, end: untouched(started, says) }
  if (log.status === FAILED) return { at: 'ended', says, end: { state: 'failed', reason: says } }
  if (COMPLETED.has(log.status) && methodOf(log) === started.method) {
    return { at: 'ended', says, end: { state: 'done' } }
  }
  return { at: 'ended', says, end: { state: 'unknown', reason: `not the end of this operation: ${says}` } }
}

/** The log is as it was before. */
function untouched({ command, before }: Started, says: string): Ending {
  if (endedWell(command)) {
    return before.status === FAILED
      ? { state: 'failed', reason: says }
      : { state: 'unknown', reason: `the drive took the command, but its log is as it was before: ${says}` }
  }
  const reason = whyNot(command)
  return command.ended === 'exit' || command.ended === 'missing'
    ? { state: 'rejected', reason }
    : { state: 'unknown', reason: `${reason}; its log is as it was before: ${says}` }
}

/** SPROG is left out: an idle drive may state 0 as well as 65,535. */
function same(a: SanitizeLog, b: SanitizeLog): boolean {
  return (
    a.status === b.status && a.cdw10 === b.cdw10 && a.globalErased === b.globalErased && a.passes === b.passes
  )
}

function running(log: SanitizeLog): Look<Ending> {
  return {
    at: 'running',
    progress: log.progress + log.passes * 65_536,
    percent: log.progress === 65_535 ? null : (log.progress * 100) / 65_536,
    says: describe(log),
  }
}

const WORDS = ['never sanitized', 'completed', 'running', 'failed', 'completed with deallocation']

function describe({ status, progress, cdw10, globalErased, passes }: SanitizeLog): string {
  const word = WORDS[status] ?? 'reserved'
  const erased = globalErased === null ? '' : `, global data erased ${globalErased ? 1 : 0}`
  const counted = passes === 0 ? '' : `, ${passes} passes`
  return `SSTAT ${status} (${word}), SPROG ${progress}, SCDW10 ${cdw10}${erased}${counted}`
}
