import { type CommandEnd, commandEvidence, endedWell, runToEnd, whyNot } from '../command.ts'
import type { EraseDeps } from '../deps.ts'
import type { FirmwareOutcome } from '../schema.ts'
import { readIdentify } from './hdparm.ts'
import type { AtaIdentify } from './identify.ts'
import { disablePassword, ERASE_PASSWORD, readSecurity, setPassword, takePasswordOff } from './password.ts'
import { unfreeze } from './unfreeze.ts'

export type AtaSecurityMethod = 'ata-security-erase' | 'ata-security-erase-enhanced'

type Security = AtaIdentify['security']

/** Milliseconds for a drive that does not state its time; a time that is stated counts twice, and half an hour at least. */
const UNSTATED = 12 * 3_600_000
const SHORTEST = 1_800_000

/** Milliseconds: a drive that refuses does so at once; after longer it may have begun. */
const AT_ONCE = 5_000

/** Milliseconds between two signs of life. */
const TICK = 10_000

/**
 * SECURITY ERASE UNIT. Success is that the drive has dropped the password that was set before: it does so only at the end
 * of an erase. The password goes into the journal before it is set, and is taken off again after every other end.
 */
export async function securityEraseAta(
  method: AtaSecurityMethod,
  { path }: { path: string },
  deps: EraseDeps,
): Promise<FirmwareOutcome> {
  const enhanced = method === 'ata-security-erase-enhanced'
  const evidence: Record<string, unknown> = {}
  const ready = await prepare(path, enhanced, deps, evidence)
  if ('refused' in ready) return { state: 'rejected', reason: ready.refused, evidence }
  const ours = !ready.security.enabled
  if (ours) {
    const refused = await lock(path, deps, evidence)
    if (refused !== undefined) return { ...refused, evidence }
  }
  const { command, took } = await erase(path, enhanced, ready.security, deps)
  evidence.erase = commandEvidence(command)
  return conclude(path, { command, took, ours }, deps, evidence)
}

/** The state from which it can be erased: supported, not frozen, and with no password or ours. */
async function prepare(
  path: string,
  enhanced: boolean,
  deps: EraseDeps,
  evidence: Record<string, unknown>,
): Promise<{ security: Security } | { refused: string }> {
  let identify = await readIdentify(deps, path)
  if (identify.status !== 'known') return { refused: `its security state cannot be read: ${identify.reason}` }
  if (identify.value.security.frozen) {
    const freed = await unfreeze(deps, async () => {
      identify = await readIdentify(deps, path)
      return identify.status === 'known' && !identify.value.security.frozen
    })
    if (!freed.freed) return { refused: `frozen: ${freed.reason}` }
    if (identify.status !== 'known') return { refused: 'its security state cannot be read' }
  }
  const { security } = identify.value
  evidence.before = describe(security)
  if (!security.supported) return { refused: 'the drive has no security feature set' }
  if (enhanced && !security.enhanced) return { refused: 'the drive has no enhanced erase' }
  if (security.countExpired) return { refused: 'too many wrong passwords were tried: it needs a power cycle' }
  if (!security.enabled) return { security }
  return recover(path, security, deps, evidence)
}

/** A password is set already: ours from an interrupted erase, or somebody's. */
async function recover(
  path: string,
  security: Security,
  deps: EraseDeps,
  evidence: Record<string, unknown>,
): Promise<{ security: Security } | { refused: string }> {
  deps.log(
    'warning',
    `the drive has a password (${describe(security)}): trying the one of an interrupted erase`,
  )
  const end = await disablePassword(path, deps)
  evidence.recover = commandEvidence(end)
  const now = await readSecurity(path, deps)
  if (now === undefined) return { refused: 'its security state cannot be read after an attempt to unlock it' }
  if (!now.enabled) {
    await deps.journal.passwordSet(false)
    deps.log('info', 'the drive has no password any more')
    return { security: now }
  }
  if (now.countExpired) return { refused: 'it has an unknown password, and takes no more attempts' }
  // A drive whose erase was cut off may take nothing but another erase with the same password.
  return { security: now }
}

async function lock(
  path: string,
  deps: EraseDeps,
  evidence: Record<string, unknown>,
): Promise<Pick<FirmwareOutcome, 'state' | 'reason'> | undefined> {
  await deps.journal.passwordSet(true)
  const end = await setPassword(path, deps)
  evidence.setPassword = commandEvidence(end)
  const now = await readSecurity(path, deps)
  if (now?.enabled === true) return undefined
  if (now === undefined) {
    return {
      state: 'unknown',
      reason: `after setting the password ${ERASE_PASSWORD} the drive does not answer`,
    }
  }
  await deps.journal.passwordSet(false)
  const why = endedWell(end) ? 'it states none afterwards' : whyNot(end)
  return { state: 'rejected', reason: `the drive did not take a password: ${why}` }
}

async function erase(
  path: string,
  enhanced: boolean,
  security: Security,
  { exec, signal, clock, progress, sleep }: EraseDeps,
): Promise<{ command: CommandEnd; took: number }> {
  const stated = enhanced ? security.enhancedMinutes : security.eraseMinutes
  const timeout = stated === null ? UNSTATED : Math.max(SHORTEST, stated * 2 * 60_000)
  const flag = enhanced ? '--security-erase-enhanced' : '--security-erase'
  const args = ['--user-master', 'u', flag, ERASE_PASSWORD, path]
  const began = clock.monotonic()
  const ended = new AbortController()
  const running = runToEnd(exec, 'hdparm', args, { signal, timeout }).finally(() => ended.abort())
  const either = AbortSignal.any([signal, ended.signal])
  while (!either.aborted) {
    const took = clock.monotonic() - began
    const minutes = Math.round(took / 60_000)
    // The drive says nothing meanwhile: what is shown is only the time, against the time that it has stated.
    progress(
      stated === null ? null : Math.min(99, (took / (stated * 60_000)) * 100),
      `erasing for ${minutes} min`,
    )
    await sleep(TICK, either).catch((error: unknown) => {
      if (!either.aborted) throw error
    })
  }
  return { command: await running, took: clock.monotonic() - began }
}

async function conclude(
  path: string,
  { command, took, ours }: { command: CommandEnd; took: number; ours: boolean },
  deps: EraseDeps,
  evidence: Record<string, unknown>,
): Promise<FirmwareOutcome> {
  if (command.ended === 'hung' || command.ended === 'cancelled') {
    if (ours) evidence.passwordLeft = ERASE_PASSWORD
    const reason = `${whyNot(command)}; the drive may go on erasing${ours ? `, its password is ${ERASE_PASSWORD}` : ''}`
    return { state: 'unknown', reason, evidence }
  }
  const after = await readSecurity(path, deps)
  evidence.after = after === undefined ? 'no answer' : describe(after)
  if (after !== undefined && !after.enabled && !after.locked) {
    await deps.journal.passwordSet(false)
    return { state: 'done', evidence }
  }
  const left = ours ? await unlockAgain(path, after, deps, evidence) : '; it has a password that is not known'
  if (after === undefined) return { state: 'unknown', reason: `no answer after the erase${left}`, evidence }
  const why = endedWell(command)
    ? 'the program ended well, but the drive still has its password: it did not complete an erase'
    : whyNot(command)
  return { state: stateOf(command, took), reason: `${why}${left}`, evidence }
}

/** After an erase that did not work the drive must not stay locked. */
async function unlockAgain(
  path: string,
  after: Security | undefined,
  deps: EraseDeps,
  evidence: Record<string, unknown>,
): Promise<string> {
  if (after !== undefined && (await takePasswordOff(path, deps))) return ''
  evidence.passwordLeft = ERASE_PASSWORD
  deps.log('error', `the drive is left with the password ${ERASE_PASSWORD}`)
  return `; its password is ${ERASE_PASSWORD}`
}

/** The drive has kept its password: it has not completed. Refused at once is not begun; anything later may have been. */
function stateOf(command: CommandEnd, took: number): FirmwareOutcome['state'] {
  if (command.ended === 'missing' || /^ERASE_PREPARE: /m.test(command.stderr)) return 'rejected'
  if (command.ended === 'exit' && command.exitCode !== 0 && took < AT_ONCE) return 'rejected'
  return command.ended === 'exit' ? 'failed' : 'unknown'
}

function describe({ enabled, locked, frozen, countExpired }: Security): string {
  const not = (is: boolean) => (is ? '' : 'not ')
  return `${not(enabled)}enabled, ${not(locked)}locked, ${not(frozen)}frozen${countExpired ? ', attempts used up' : ''}`
}
