import { InputError } from '../../errors.ts'
import { sameName } from '../../job/cmdline.ts'

/**
 * Nobody stands beside the machine: whatever goes wrong has to end in a restart, which the trial counts. Arguments of
 * install-loader and of an image come after these, and of two the later wins.
 */
export const DEFAULT_ARGUMENTS: readonly string[] = [
  // After a panic the kernel waits for ever by default; half a minute leaves time to read it on a remote console.
  'panic=30',
  // An oops leaves locks held: a host that is half dead answers pings and does no work.
  'oops=panic',
  // A processor that has been in the kernel for 20 s (twice watchdog_thresh) or has taken no interrupt for 10 s.
  'softlockup_panic=1',
  'nmi_watchdog=panic,1',
  // The initramfs would ask for root's password and wait.
  'rd.shell=0',
  'rd.emergency=reboot',
  // The hardware's watchdog, where there is one, restarts a machine whose systemd has hung for two minutes.
  'systemd.watchdog_sec=120',
  // A systemd that crashes would freeze.
  'systemd.crash_reboot=1',
]

/**
 * The arguments in a text, separated by white space.
 * @throws InputError for what GRUB would hand to the kernel otherwise than it is written
 */
export function splitArguments(text: string): string[] {
  // GRUB puts a backslash before each of these (grub_create_loader_cmdline, grub-core/lib/cmdline.c).
  const bad = /["'\\]|[^\x20-\x7e\s]/.exec(text)
  if (bad !== null) {
    throw new InputError(`kernel arguments: ${JSON.stringify(bad[0])} cannot stand there`, {
      hint: 'write arguments of visible ASCII characters without quotes and backslashes, separated by spaces',
    })
  }
  return text.split(/\s+/).filter((word) => word !== '')
}

/** What GRUB tells the initramfs of what it has booted; from anywhere else it would not be true. */
const TOLD_BY_GRUB = [
  'real_root',
  ...['booted', 'image', 'tries', 'fallback', 'restarted', 'append'].map((name) => `speediso.${name}`),
]

/** The first of these arguments that only GRUB can tell. */
export function toldByGrub(words: readonly string[]): string | undefined {
  return words.find((word) => TOLD_BY_GRUB.some((name) => sameName(name, word.replace(/=.*$/s, ''))))
}

/** A console of the kernel, and of GRUB when it is a serial port that GRUB knows. */
export interface Console {
  /** As after `console=`, such as `ttyS0,115200n8`. */
  argument: string
  serial?: { unit: number; speed: number; parity: 'no' | 'odd' | 'even'; word: number }
}

/**
 * Consoles separated by spaces, such as `tty0 ttyS1,115200n8`; the last one becomes /dev/console.
 * Format: Documentation/admin-guide/serial-console.rst of the kernel.
 * @throws InputError
 */
export function parseConsoles(text: string): Console[] {
  return splitArguments(text).map((argument) => {
    const match = /^(tty[A-Za-z]*)(\d*)(?:,(\d+)([noe])?([5-8])?r?)?$/.exec(argument)
    const [, kind, unit = '', speed = '9600', parity = 'n', word = '8'] = match ?? []
    if (match === null) {
      throw new InputError(`--console ${argument}: is no console`, {
        hint: 'write such as --console "tty0 ttyS0,115200n8"',
      })
    }
    // GRUB knows the four ports of a PC.
    if (kind !== 'ttyS' || !/^[0-3]$/.test(unit)) return { argument }
    const parities = { n: 'no', o: 'odd', e: 'even' } as const
    const named = parities[parity as keyof typeof parities]
    return {
      argument,
      serial: { unit: Number(unit), speed: Number(speed), parity: named, word: Number(word) },
    }
  })
}
