import { posix } from 'node:path'

/** A file below /run, or a symbolic link. */
export type RunFile = { text: string } | { link: string }

export interface TrialLimits {
  /** Seconds since the kernel's start at which this boot has to be confirmed. */
  deadline: number
  /** The trial for people, such as `boot 2 of 3 of image 1.4`. */
  what: string
}

/** Exists as soon as this boot is confirmed; a person may make it, too, to keep a trial boot that is not. */
export const CONFIRMED_MARKER = '/run/speediso/confirmed'

export const TRIAL_TIMERS = ['speediso-trial.timer', 'speediso-trial-force.timer'] as const

/** Seconds past the deadline for a confirmation that goes back by itself, and records why. */
export const GRACE_SECONDS = 30

/**
 * Seconds that an orderly restart has until it is forced: more than the 90 that systemd gives a service to stop
 * (DefaultTimeoutStopSec of systemd-system.conf(5)).
 */
export const ORDERLY_SECONDS = 180

/** Seconds without a sign of life of the first process until the hardware watchdog restarts the machine. */
export const WATCHDOG_SECONDS = 120

/** Drop-ins apply in the order of their names, whatever folder they are in: the image's own come before. */
const LAST = 'zzzz-speediso-trial.conf'

const DOCUMENTATION = 'Documentation=man:systemd.unit(5) man:systemd.timer(5)'

/**
 * What makes a trial boot end, whatever its image is like, as files below /run: written in the initramfs, read by the
 * systemd of the image (systemd.unit(5): /run/systemd/system; systemd-system.conf(5)). The restart is done by the first
 * process itself, so that no program of the image is needed for it.
 */
export function trialUnits({ deadline, what }: TrialLimits): Map<string, RunFile> {
  const orderly = Math.ceil(deadline) + GRACE_SECONDS
  const files = new Map<string, RunFile>()
  const unit = (name: string, lines: readonly string[]) =>
    files.set(`systemd/system/${name}`, { text: `${lines.join('\n')}\n` })
  unit('speediso-trial.timer', timer(`${what}: time to be confirmed`, orderly, 'speediso-trial.service'))
  unit('speediso-trial.service', restart(`${what} was not confirmed in time`, 'reboot'))
  unit(
    'speediso-trial-force.timer',
    timer(`${what}: time for an orderly restart`, orderly + ORDERLY_SECONDS, 'speediso-trial-force.service'),
  )
  unit(
    'speediso-trial-force.service',
    restart(`${what} was not confirmed, and an orderly restart did not end`, 'reboot-immediate'),
  )
  // Each of these can be what the image starts with, or all that it gets to.
  for (const target of ['sysinit.target', 'basic.target', 'rescue.target', 'emergency.target'])
    for (const name of TRIAL_TIMERS)
      files.set(`systemd/system/${target}.wants/${name}`, { link: posix.join('..', name) })
  for (const shell of ['emergency', 'rescue']) unit(`${shell}.service.d/${LAST}`, noShell(shell))
  files.set(`systemd/system.conf.d/${LAST}`, { text: `${manager().join('\n')}\n` })
  return files
}

/** Neither a shutdown nor a change to another target stops it: both can hang. */
const STAYS = ['DefaultDependencies=no', 'IgnoreOnIsolate=yes']

function timer(description: string, seconds: number, service: string): string[] {
  return [
    '[Unit]',
    `Description=speediso: ${plain(description)}`,
    DOCUMENTATION,
    ...STAYS,
    '',
    '[Timer]',
    // Counted from the kernel's start: a clock that is set, or units that are read again, change nothing.
    `OnBootSec=${seconds}s`,
    'AccuracySec=1s',
    `Unit=${service}`,
  ]
}

function restart(description: string, action: 'reboot' | 'reboot-immediate'): string[] {
  return [
    '[Unit]',
    `Description=speediso: ${plain(description)}`,
    DOCUMENTATION,
    ...STAYS,
    `ConditionPathExists=!${CONFIRMED_MARKER}`,
    `SuccessAction=${action}`,
    '',
    '[Service]',
    // Without a program it succeeds at once, as systemd's own systemd-reboot.service does.
    'Type=oneshot',
  ]
}

/** In place of a shell that waits for a person. Forced: the way into emergency mode allows no orderly restart. */
function noShell(shell: string): string[] {
  return [
    '[Unit]',
    `Description=speediso: the image on trial asks for a person (${shell} mode): restart`,
    'SuccessAction=reboot-force',
    'FailureAction=reboot-force',
    '',
    '[Service]',
    'Type=oneshot',
    'ExecStartPre=',
    'ExecStart=',
    'ExecStartPost=',
    'ExecStopPost=',
  ]
}

function manager(): string[] {
  return [
    '[Manager]',
    `RuntimeWatchdogSec=${WATCHDOG_SECONDS}s`,
    'RebootWatchdogSec=5min',
    // CrashAction is the name of it from systemd 256 on; an unknown one is only warned of.
    'CrashReboot=yes',
    'CrashAction=reboot',
    'CrashShell=no',
  ]
}

/** As one line in which systemd finds no specifier and no continuation. */
function plain(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\\]/gu, ' ')
    .replaceAll('%', '%%')
    .slice(0, 200)
}
