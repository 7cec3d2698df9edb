import type { ImageNames } from '../names.ts'
import type { Console } from './kernel-arguments.ts'
import { loadFunctions, quote } from './load-functions.ts'
import { WHOLE } from './loader-files.ts'
import { BOOT_ROWS, type BootRow } from './table.ts'
import { countFunctions, readFunctions } from './trial-functions.ts'

export interface GrubConfig {
  /** UUID of hostpart's filesystem; its label is the way out when no filesystem has that UUID. */
  hostpart: { uuid: string; label: string }
  names: Pick<ImageNames, 'current' | 'old'>
  /** Seconds in which a person can ask for the menu; 0: there is none. */
  timeout: number
  consoles: readonly Console[]
  /** Kernel arguments of this host, after the defaults. */
  append: readonly string[]
  /** Seconds that a message stands before the machine restarts, as nothing could be booted. */
  pause: number
  /** Folder on the boot partition that holds `grub/` and `rescue/`: `''` or such as `/one`. */
  folder: string
}

export const CONFIG_DEFAULTS = {
  timeout: 3,
  consoles: [],
  append: [],
  pause: 60,
  folder: '',
} as const satisfies Partial<GrubConfig>

/** Modules of GRUB that the configuration needs, on every platform. */
export const GRUB_MODULES: readonly string[] = [
  ...['part_gpt', 'part_msdos', 'fat', 'ext2', 'xfs', 'btrfs', 'squash4', 'loopback'],
  ...['gzio', 'lzopio', 'xzio', 'zstd', 'linux', 'boot', 'reboot', 'sleep', 'echo', 'test', 'true', 'regexp'],
  ...['loadenv', 'search', 'search_fs_uuid', 'search_label', 'probe', 'normal', 'configfile', 'minicmd'],
  ...['serial', 'terminal', 'hashsum', 'gcry_sha256', 'chain', 'all_video'],
]

/** The configuration for GRUB 2.06 and later: decides by BOOT_ROWS, and never ends at a prompt. */
export function renderGrubConfig(config: GrubConfig): string {
  return [
    '# Made by speediso root install-loader, which replaces it; options of that command change it.',
    '',
    // A module that this GRUB does not have is told, and what needs it fails by itself.
    ...GRUB_MODULES.map((module) => `insmod ${module}`),
    '',
    ...consoleLines(config.consoles),
    // Only Esc interrupts a countdown: a menu would stay for ever when a serial line makes noise. A countdown from 0 is
    // one of 3 seconds where a serial line is an input (GRUB 2.06 of Debian).
    ...(config.timeout === 0 ? [] : ['set timeout_style=countdown']),
    `set timeout=${config.timeout}`,
    'set default=0',
    'set fallback=3',
    '',
    // Set by GRUB to the partition that holds this file, and kept apart, as anything may change it.
    'set speediso_esp="$root"',
    // Tells the kernel which of several boot partitions counts its boots.
    'set speediso_loader=',
    'probe --set=speediso_loader --fs-uuid $speediso_esp',
    'if [ -n "$speediso_loader" ]; then set speediso_loader="speediso.loader=UUID=$speediso_loader"; fi',
    'set speediso_host=',
    `search --no-floppy --fs-uuid --set=speediso_host ${config.hostpart.uuid}`,
    'if [ -z "$speediso_host" ]; then',
    `  search --no-floppy --label --set=speediso_host ${config.hostpart.label}`,
    'fi',
    `set speediso_hostpart=UUID=${config.hostpart.uuid}`,
    'if [ -n "$speediso_host" ]; then',
    '  set speediso_found=',
    '  probe --set=speediso_found --fs-uuid $speediso_host',
    '  if [ -n "$speediso_found" ]; then set speediso_hostpart="UUID=$speediso_found"; fi',
    'fi',
    'set speediso_kernel=0',
    'set speediso_has_current=0',
    'set speediso_has_old=0',
    '',
    ...readFunctions(config),
    ...countFunctions(config),
    ...loadFunctions(config),
    ...bootFunction(),
    ...menu(config),
    `set ${WHOLE}=1`,
    '',
  ].join('\n')
}

function consoleLines(consoles: readonly Console[]): string[] {
  const lines = consoles.flatMap(({ serial }) => {
    if (serial === undefined) return []
    const { unit, speed, parity, word } = serial
    // With two serial consoles GRUB shows itself on the last one.
    return [
      `if serial --unit=${unit} --speed=${speed} --word=${word} --parity=${parity} --stop=1; then`,
      '  terminal_input console serial',
      '  terminal_output console serial',
      'fi',
    ]
  })
  return lines.length === 0 ? [] : [...lines, '']
}

function bootFunction(): string[] {
  return [
    'function speediso_boot {',
    '  speediso_read_trial',
    '  speediso_open_current',
    '  set speediso_state=none',
    '  if [ -n "$speediso_id" ]; then',
    '    if [ "$speediso_trial" = "$speediso_id" ]; then',
    '      set speediso_state=running',
    '      if [ "$speediso_tries" = 0 ]; then set speediso_state=spent; fi',
    '    fi',
    '  fi',
    ...BOOT_ROWS.flatMap(rowLines),
    '}',
    '',
  ]
}

function rowLines(row: BootRow): string[] {
  const { trial, boots, fallback, counts, why } = row
  const tries = boots === 'current' && !counts && trial.includes('spent') ? 'speediso.tries=0' : ''
  const told = [tries, fallback === undefined ? '' : `speediso.fallback=${fallback}`]
  const load = `speediso_load_${boots}`
  const work = counts
    ? [
        'speediso_count_down',
        'set speediso_told="speediso.tries=$speediso_left"',
        load,
        'if [ "$speediso_loaded" = 1 ]; then',
        '  speediso_save',
        // The command line is set when the kernel is loaded, and only now it is known.
        '  if [ "$speediso_saved" = 0 ]; then',
        '    set speediso_told="speediso.tries=unsaved"',
        `    ${load}`,
        '  fi',
        'fi',
        'speediso_start',
      ]
    : [`set speediso_told="${told.filter((word) => word !== '').join(' ')}"`, load, 'speediso_start']
  return [
    `  # ${why}`,
    `  for speediso_when in ${trial.join(' ')}; do`,
    '    if [ "$speediso_state" = "$speediso_when" ]; then',
    ...work.map((line) => `      ${line}`),
    '    fi',
    '  done',
  ]
}

function menu({ names }: GrubConfig): string[] {
  const entry = (title: string, id: string, lines: readonly string[]) => [
    `menuentry ${quote(title)} --id ${id} {`,
    ...[...lines, 'speediso_give_up'].map((line) => `  ${line}`),
    '}',
    '',
  ]
  const person = (load: string) => ['set speediso_told=', load, 'speediso_start']
  return [
    ...entry(names.current, 'speediso', ['speediso_boot']),
    ...entry(`previous image (${names.old})`, 'previous', person('speediso_load_old')),
    ...entry('rescue system', 'rescue', person('speediso_load_rescue')),
    ...entry('restart', 'restart', ['reboot']),
  ]
}
