import { type CommandEnd, endedWell, runToEnd } from '../command.ts'
import type { EraseDeps } from '../deps.ts'
import { readIdentify } from './hdparm.ts'
import type { AtaIdentify } from './identify.ts'

/**
 * The user password that is set for a security erase, and tried on a drive that an erase has left locked. No secret: it
 * protects nothing, and whoever finds such a drive has to be able to unlock it.
 */
export const ERASE_PASSWORD = 'speediso'

const TIMEOUT = 120_000

/** Looks at a drive that may be busy or coming back from a reset, a second apart. */
const LOOKS = 60

/** Security mode high, so that the master password could still unlock it. */
export function setPassword(path: string, { exec, signal }: EraseDeps): Promise<CommandEnd> {
  const args = ['--user-master', 'u', '--security-mode', 'h', '--security-set-pass', ERASE_PASSWORD, path]
  return runToEnd(exec, 'hdparm', args, { signal, timeout: TIMEOUT })
}

/** Unlocks, then disables. A wrong password costs one of the five attempts that a drive allows between power cycles. */
export function disablePassword(path: string, { exec, signal }: EraseDeps): Promise<CommandEnd> {
  const args = ['--user-master', 'u', '--security-disable', ERASE_PASSWORD, path]
  return runToEnd(exec, 'hdparm', args, { signal, timeout: TIMEOUT })
}

/** The security state as soon as the drive states one; undefined: it does not. */
export async function readSecurity(
  path: string,
  deps: EraseDeps,
  looks = LOOKS,
): Promise<AtaIdentify['security'] | undefined> {
  for (let look = 1; ; look++) {
    const identify = await readIdentify(deps, path)
    if (identify.status === 'known') return identify.value.security
    if (look >= looks || deps.signal.aborted) return undefined
    await deps.sleep(1000, deps.signal).catch((error: unknown) => {
      if (!deps.signal.aborted) throw error
    })
  }
}

/** Takes our password off a drive. True: the drive itself says that it has none any more. */
export async function takePasswordOff(path: string, deps: EraseDeps): Promise<boolean> {
  const state = await readSecurity(path, deps)
  if (state?.enabled === true) {
    const end = await disablePassword(path, deps)
    if (!endedWell(end)) deps.log('warning', 'the drive did not take its erase password off')
  }
  const now = state?.enabled === false ? state : await readSecurity(path, deps)
  if (now === undefined || now.enabled) return false
  await deps.journal.passwordSet(false)
  return true
}
