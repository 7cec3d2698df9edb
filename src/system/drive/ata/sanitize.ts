import { type CommandEnd, commandEvidence, endedWell, runToEnd, whyNot } from '../command.ts'
import type { EraseDeps } from '../deps.ts'
import { type Ending, outcomeOf } from '../outcome.ts'
import type { FirmwareMethod, FirmwareOutcome } from '../schema.ts'
import { type Look, type Seen, watch } from '../watch.ts'
import { type AtaSanitizeStatus, readSanitizeStatus } from './hdparm.ts'
import { unfreeze } from './unfreeze.ts'

export type AtaSanitizeMethod = Extract<FirmwareMethod, `ata-sanitize-${string}`>

const ARGUMENTS: Record<AtaSanitizeMethod, string[]> = {
  'ata-sanitize-crypto': ['--sanitize-crypto-scramble'],
  'ata-sanitize-block': ['--sanitize-block-erase'],
  // Without a count, hdparm asks for 0 passes, which stands for 16.
  'ata-sanitize-overwrite': ['--sanitize-overwrite-passes', '1', '--sanitize-overwrite', 'hex:00000000'],
}

/** Milliseconds: the command only starts the operation. */
const START_TIMEOUT = 60_000

/**
 * SANITIZE DEVICE. Success is only "completed without error" from the drive, and that because of this operation: it was
 * seen running, or the drive did not say so before.
 */
export async function sanitizeAta(
  method: AtaSanitizeMethod,
  { path }: { path: string },
  deps: EraseDeps,
): Promise<FirmwareOutcome> {
  let before = await readSanitizeStatus(deps, path)
  if (before.status === 'known' && before.value.state === 'frozen') {
    const freed = await unfreeze(deps, async () => {
      before = await readSanitizeStatus(deps, path)
      return before.status === 'known' && before.value.state !== 'frozen'
    })
    if (!freed.freed) return { state: 'rejected', reason: `frozen: ${freed.reason}`, evidence: {} }
  }
  if (before.status !== 'known') {
    return {
      state: 'rejected',
      reason: `not started, as its end could not be read: ${before.reason}`,
      evidence: {},
    }
  }
  const earlier = before.value
  if (earlier.state === 'running') {
    const reason = 'not started: another sanitize operation is running'
    return { state: 'rejected', reason, evidence: { before: describe(earlier) } }
  }
  const args = ['--yes-i-know-what-i-am-doing', ...ARGUMENTS[method], path]
  const command = await runToEnd(deps.exec, 'hdparm', args, { signal: deps.signal, timeout: START_TIMEOUT })
  const end = await watch((seen) => lookAt(path, { earlier, command, seen }, deps), deps)
  return outcomeOf(end, { before: describe(earlier), start: commandEvidence(command) })
}

/** An operation that runs already: waits for its end, starts none. The drive does not state which kind it is. */
export async function awaitAtaSanitize(
  { path }: { path: string },
  deps: EraseDeps,
): Promise<FirmwareOutcome> {
  const end = await watch<Ending>(async () => {
    const status = await readSanitizeStatus(deps, path)
    if (status.status !== 'known') return { at: 'unreadable', says: status.reason }
    const says = describe(status.value)
    if (status.value.state === 'running') return running(status.value)
    if (status.value.state === 'failed') return { at: 'ended', says, end: { state: 'failed', reason: says } }
    return status.value.completed
      ? { at: 'ended', says, end: { state: 'done' } }
      : { at: 'settling', says, end: { state: 'unknown', reason: `no longer running: ${says}` } }
  }, deps)
  return outcomeOf(end, {})
}

interface Started {
  earlier: AtaSanitizeStatus
  command: CommandEnd
  seen: Readonly<Seen>
}

async function lookAt(
  path: string,
  { earlier, command, seen }: Started,
  deps: EraseDeps,
): Promise<Look<Ending>> {
  const finding = await readSanitizeStatus(deps, path)
  if (finding.status !== 'known') return { at: 'unreadable', says: finding.reason }
  const now = finding.value
  if (now.state === 'running') return running(now)
  const says = describe(now)
  const changed = now.state !== earlier.state || now.completed !== earlier.completed
  if (!seen.running && !changed) return { at: 'settling', says, end: untouched(command, now, says) }
  if (now.state === 'failed') return { at: 'ended', says, end: { state: 'failed', reason: says } }
  if (now.state === 'idle' && now.completed) return { at: 'ended', says, end: { state: 'done' } }
  const reason = `neither running nor completed: ${says}`
  return { at: 'settling', says, end: { state: 'unknown', reason } }
}

/** The drive states what it stated before. */
function untouched(command: CommandEnd, { state }: AtaSanitizeStatus, says: string): Ending {
  if (endedWell(command)) {
    return state === 'failed'
      ? { state: 'failed', reason: says }
      : { state: 'unknown', reason: `the drive took the command, but states what it stated before: ${says}` }
  }
  const reason = whyNot(command)
  return command.ended === 'exit' || command.ended === 'missing'
    ? { state: 'rejected', reason }
    : { state: 'unknown', reason: `${reason}; the drive states what it stated before: ${says}` }
}

function running(status: AtaSanitizeStatus): Look<Ending> {
  const { progress } = status
  const percent = progress === null ? null : (progress * 100) / 65_536
  return { at: 'running', progress, percent, says: describe(status) }
}

function describe({ state, progress, completed }: AtaSanitizeStatus): string {
  const done = progress === null ? '' : `, ${progress} of 65536`
  return `sanitize ${state}${done}${completed ? ', the last one completed without error' : ''}`
}
