import { knownValue } from '../../finding.ts'
import { type CommandEnd, commandEvidence, endedWell, runToEnd, whyNot } from '../command.ts'
import type { EraseDeps } from '../deps.ts'
import { type Ending, outcomeOf } from '../outcome.ts'
import type { FirmwareMethod, FirmwareOutcome, ScsiCapabilities } from '../schema.ts'
import { type Look, type Seen, watch } from '../watch.ts'
import { describeSense, type ScsiState, stateOf } from './sense.ts'
import { readCapacity, readSense } from './sg3.ts'

export type ScsiMethod = Extract<FirmwareMethod, `scsi-${string}`>

/** Milliseconds: with IMMED set the command only starts the operation; sg_format reads the drive before that. */
const START_TIMEOUT = 300_000

/**
 * SANITIZE or FORMAT UNIT. A SCSI drive keeps no record of its last erase, so that a good status proves nothing: success is
 * that it was seen at work and then answers again, or that its logical blocks have become those that were asked for.
 */
export async function eraseScsi(
  method: ScsiMethod,
  { path }: { path: string },
  capabilities: ScsiCapabilities,
  deps: EraseDeps,
): Promise<FirmwareOutcome> {
  const before = await readSense(deps, path)
  if (before.status !== 'known') {
    return {
      state: 'rejected',
      reason: `not started, as its end could not be read: ${before.reason}`,
      evidence: {},
    }
  }
  const state = stateOf(before.value)
  const says = describeSense(before.value)
  if (state === 'sanitizing' || state === 'formatting') {
    return { state: 'rejected', reason: 'not started: another erase is running', evidence: { before: says } }
  }
  const wanted = wantedBlock(method, capabilities)
  const [tool, args] = commandOf(method, path, wanted)
  const command = await runToEnd(deps.exec, tool, args, { signal: deps.signal, timeout: START_TIMEOUT })
  const started = { method, path, command, state, from: capabilities.logicalBytes, wanted }
  const end = await watch((seen) => lookAt(started, seen, deps), deps)
  return outcomeOf(end, { before: says, start: commandEvidence(command), proof: PROOF })
}

const PROOF =
  'seen at work, or a changed block length, and then ready again: the drive states no more than that'

/** An operation that runs already: waits for its end, starts none. */
export async function awaitScsi(
  { path }: { path: string },
  running: 'sanitize' | 'format',
  deps: EraseDeps,
): Promise<FirmwareOutcome> {
  const end = await watch<Ending>(async () => {
    const sense = await readSense(deps, path)
    if (sense.status !== 'known') return { at: 'unreadable', says: sense.reason }
    const says = describeSense(sense.value)
    const state = stateOf(sense.value)
    if (isRunning(state)) return runningLook(sense.value.progress, says)
    if (isFailed(state)) return { at: 'ended', says, end: { state: 'failed', reason: says } }
    const capacity = await readCapacity(deps, path)
    if (state === 'ready' && capacity.status === 'known') return { at: 'ended', says, end: { state: 'done' } }
    return { at: 'unreadable', says: `not ready: ${says}` }
  }, deps)
  return outcomeOf(end, { running, proof: PROOF })
}

/** A format to 520 or 528 bytes goes back to 512, one of eight times that to 4096; null: the length stays. */
function wantedBlock(method: ScsiMethod, { logicalBytes }: ScsiCapabilities): number | null {
  if (method !== 'scsi-format') return null
  if (logicalBytes > 512 && logicalBytes < 1024) return 512
  return logicalBytes > 4096 && logicalBytes < 8192 ? 4096 : null
}

/** `--quick`: without it the tools wait 15 seconds for somebody to cancel. */
function commandOf(method: ScsiMethod, path: string, wanted: number | null): [string, string[]] {
  const now = ['--early', '--quick', path]
  if (method === 'scsi-sanitize-crypto') return ['sg_sanitize', ['--crypto', ...now]]
  if (method === 'scsi-sanitize-block') return ['sg_sanitize', ['--block', ...now]]
  if (method === 'scsi-sanitize-overwrite')
    return ['sg_sanitize', ['--overwrite', '--zero', '--count=1', ...now]]
  return ['sg_format', ['--format', ...(wanted === null ? [] : [`--size=${wanted}`]), ...now]]
}

interface Started {
  method: ScsiMethod
  path: string
  command: CommandEnd
  /** Before. */
  state: ScsiState
  /** Logical block length before, and after if it is to change. */
  from: number
  wanted: number | null
}

async function lookAt(started: Started, seen: Readonly<Seen>, deps: EraseDeps): Promise<Look<Ending>> {
  const sense = await readSense(deps, started.path)
  if (sense.status !== 'known') return { at: 'unreadable', says: sense.reason }
  const says = describeSense(sense.value)
  const state = stateOf(sense.value)
  if (isRunning(state)) return runningLook(sense.value.progress, says)
  if (isFailed(state)) {
    const isOld = !seen.running && state === started.state
    if (isOld) return { at: 'settling', says, end: untouched(started, says) }
    return { at: 'ended', says, end: { state: 'failed', reason: says } }
  }
  const capacity = knownValue(await readCapacity(deps, started.path))
  if (state !== 'ready' || capacity === undefined) return { at: 'unreadable', says: `not ready: ${says}` }
  const { logicalBytes } = capacity
  const now = `${says}, ready with blocks of ${logicalBytes} bytes`
  if (started.wanted !== null && logicalBytes !== started.wanted) {
    if (!seen.running) return { at: 'settling', says: now, end: untouched(started, now) }
    const reason = `ready again, but its blocks have ${logicalBytes} bytes and not ${started.wanted}`
    return { at: 'ended', says: now, end: { state: 'failed', reason } }
  }
  const converted = started.wanted !== null && started.from !== started.wanted && endedWell(started.command)
  if (seen.running || converted) return { at: 'ended', says: now, end: { state: 'done' } }
  return { at: 'settling', says: now, end: untouched(started, now) }
}

/** The drive was never seen at work. */
function untouched({ command, state }: Started, says: string): Ending {
  if (!endedWell(command)) {
    const reason = whyNot(command)
    const refused = command.ended === 'exit' || command.ended === 'missing'
    return refused ? { state: 'rejected', reason } : { state: 'unknown', reason: `${reason}; ${says}` }
  }
  if (isFailed(state)) return { state: 'failed', reason: says }
  return { state: 'unknown', reason: `the drive took the command, but was never seen at work: ${says}` }
}

function isRunning(state: ScsiState): boolean {
  return state === 'sanitizing' || state === 'formatting'
}

function isFailed(state: ScsiState): boolean {
  return state === 'sanitize-failed' || state === 'format-failed'
}

function runningLook(progress: number | null, says: string): Look<Ending> {
  return { at: 'running', progress, percent: progress === null ? null : (progress * 100) / 65_536, says }
}
