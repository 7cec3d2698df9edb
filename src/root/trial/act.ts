import { mkdir, rm, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { SpeedisoError } from '../../errors.ts'
import type { Exec } from '../../system/exec.ts'
import { writeText } from '../../system/write-file.ts'
import { CONFIRMED_MARKER, type RunFile, TRIAL_TIMERS, type TrialLimits, trialUnits } from './units.ts'

export interface TrialDeps {
  exec: Exec
  /** What becomes of /run; another folder in tests. */
  run: string
}

/** Milliseconds that systemctl may take; it answers at once, unless the first process hangs. */
const SYSTEMCTL_LIMIT = 20_000

/**
 * Sets the limits of a trial boot, in the initramfs. Its timers run from now on, so that not even a target of the image
 * is needed for them; where the first process there is no systemd, they wait for the image's own.
 * @throws the errors of writing
 */
export async function beginTrial(
  limits: TrialLimits,
  { exec, run }: TrialDeps,
): Promise<{ running: boolean }> {
  for (const [path, file] of trialUnits(limits)) await writeRunFile(join(run, path), file)
  try {
    await exec('systemctl', ['daemon-reload'], { timeout: SYSTEMCTL_LIMIT })
    await exec('systemctl', ['--no-block', 'start', ...TRIAL_TIMERS], { timeout: SYSTEMCTL_LIMIT })
    return { running: true }
  } catch {
    return { running: false }
  }
}

/**
 * Lifts the limits, once this boot is confirmed.
 * @throws SpeedisoError when neither the marker can be made nor the timers can be stopped: the machine will restart
 */
export async function endTrial({ exec, run }: TrialDeps): Promise<void> {
  const marker = join(run, CONFIRMED_MARKER.slice('/run'.length))
  let marked: unknown
  try {
    await mkdir(dirname(marker), { recursive: true })
    await writeText(marker, '', 0o644)
  } catch (cause) {
    marked = cause
  }
  const stopped = await exec('systemctl', ['stop', ...TRIAL_TIMERS], { timeout: SYSTEMCTL_LIMIT }).then(
    () => true,
    () => false,
  )
  // Either is enough: the services look for the marker before they restart.
  if (marked !== undefined && !stopped)
    throw new SpeedisoError('the limits of the trial cannot be lifted: this machine will restart', {
      hint: `make ${CONFIRMED_MARKER} by hand`,
      cause: marked,
    })
  for (const path of trialUnits({ deadline: 0, what: '' }).keys()) await rm(join(run, path), { force: true })
  await exec('systemctl', ['daemon-reload'], { timeout: SYSTEMCTL_LIMIT }).catch(() => {})
}

async function writeRunFile(path: string, file: RunFile): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  if ('text' in file) return writeText(path, file.text, 0o644)
  await rm(path, { force: true })
  await symlink(file.link, path)
}
