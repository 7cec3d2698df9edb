import type { ImageNames } from '../names.ts'
import { IMAGE_ENV, IMAGE_VARIABLES } from './image-env.ts'
import { type Console, DEFAULT_ARGUMENTS } from './kernel-arguments.ts'
import { BOOT_ROWS, type BootRow } from './table.ts'
import { PATTERNS, TRIAL_VARIABLES } from './trial-env.ts'

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

/** Files on the boot partition, below its folder. */
export const LOADER_FILES = {
  copies: ['grub/speediso-1.env', 'grub/speediso-2.env'],
  rescue: { kernel: 'rescue/kernel', initramfs: 'rescue/initramfs' },
} as const

/** Variable that the configuration sets at its very end: all of it was read. */
export const WHOLE = 'speediso_whole'

/** The configuration for GRUB 2.06 and later: decides by BOOT_ROWS, and never ends at a prompt. */
export function renderGrubConfig(config: GrubConfig): string {
  return [
    '# Made by speediso root install-loader, which replaces it; options of that command change it.',
    '',
    // A module that this GRUB does not have is told, and what needs it fails by itself.
    ...GRUB_MODULES.map((module) => `insmod ${module}`),
    '',
    ...consoleLines(config.consoles),
    // Only Esc interrupts a countdown: a menu would stay for ever when a serial line makes noise.
    'set timeout_style=countdown',
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

/** Reading the trial's copies and what an image says of itself. */
function readFunctions({ folder }: GrubConfig): string[] {
  const copy = `"($speediso_esp)${folder}/grub/speediso-$1.env"`
  return [
    '# Reads copy $1 of the trial into seq, trial, tries; speediso_counts says whether it counts.',
    'function speediso_read_copy {',
    '  set speediso_counts=0',
    // load_env leaves alone what the file does not have.
    ...TRIAL_VARIABLES.map((name) => `  set ${name}=`),
    `  if [ -f ${copy} ]; then load_env --file ${copy} ${TRIAL_VARIABLES.join(' ')}; fi`,
    '  if [ "x$end" = x1 ]; then',
    `    if regexp '${PATTERNS.seq}' "$seq"; then`,
    '      if [ "x$trial$tries" = x ]; then',
    '        set speediso_counts=1',
    `      elif regexp '${PATTERNS.image}' "$trial"; then`,
    `        if regexp '${PATTERNS.tries}' "$tries"; then set speediso_counts=1; fi`,
    '      fi',
    '    fi',
    '  fi',
    '}',
    '',
    '# Of two copies the higher seq counts, then the fewer tries, then the first.',
    'function speediso_read_trial {',
    '  set speediso_seq=',
    '  set speediso_trial=',
    '  set speediso_tries=',
    '  for speediso_n in 1 2; do',
    '    speediso_read_copy $speediso_n',
    '    if [ "$speediso_counts" = 1 ]; then',
    '      set speediso_take=0',
    '      if [ -z "$speediso_seq" ]; then',
    '        set speediso_take=1',
    '      elif [ "$seq" -gt "$speediso_seq" ]; then',
    '        set speediso_take=1',
    '      elif [ "$seq" -eq "$speediso_seq" ]; then',
    // A 1 in front: no tries are less than 0.
    '        if [ "1$tries" -lt "1$speediso_tries" ]; then set speediso_take=1; fi',
    '      fi',
    '      if [ "$speediso_take" = 1 ]; then',
    '        set speediso_seq="$seq"',
    '        set speediso_trial="$trial"',
    '        set speediso_tries="$tries"',
    '      fi',
    '    fi',
    '  done',
    '}',
    '',
  ]
}

/** Taking one boot away from the trial. */
function countFunctions({ folder }: GrubConfig): string[] {
  const copy = `"($speediso_esp)${folder}/grub/speediso-$speediso_n.env"`
  const steps = [9, 8, 7, 6, 5, 4, 3, 2, 1]
  return [
    // GRUB cannot calculate.
    'function speediso_count_down {',
    ...steps.map(
      (n, i) => `  ${i === 0 ? 'if' : 'elif'} [ "$speediso_tries" = ${n} ]; then set speediso_left=${n - 1}`,
    ),
    '  fi',
    '}',
    '',
    '# Writes what is left into both copies; speediso_saved says whether one of them really has it.',
    'function speediso_save {',
    '  set speediso_saved=0',
    '  for speediso_n in 1 2; do',
    '    set seq="$speediso_seq"',
    '    set trial="$speediso_trial"',
    '    set tries="$speediso_left"',
    '    set end=1',
    `    save_env --file ${copy} ${TRIAL_VARIABLES.join(' ')}`,
    // Firmware may drop a write and say that all is well.
    '    speediso_read_copy $speediso_n',
    '    if [ "$speediso_counts" = 1 ]; then',
    '      if [ "x$seq/$trial/$tries" = "x$speediso_seq/$speediso_trial/$speediso_left" ]; then',
    '        set speediso_saved=1',
    '      fi',
    '    fi',
    '  done',
    '}',
    '',
  ]
}

/**
 * Reading an image and loading from it. Each image is opened once and stays open: under the same name again GRUB would
 * take the blocks of the file before out of its cache, and a device that probe has failed on cannot be deleted.
 */
function imageFunctions(config: GrubConfig, role: 'current' | 'old'): string[] {
  const { names } = config
  const env = `(${role})${IMAGE_ENV}`
  const words = [
    quote(`real_root=/${names.current}`),
    'raw_loop_root_host_partition=$speediso_hostpart',
    `speediso.booted=${role} $speediso_image $speediso_told $speediso_loader`,
    DEFAULT_ARGUMENTS.join(' '),
    `$append ${hostArguments(config)}`,
  ]
  return [
    `# Makes (${role}) of that image, and reads its id and its kernel arguments.`,
    `function speediso_open_${role} {`,
    '  set speediso_id=',
    ...IMAGE_VARIABLES.map((name) => `  set ${name}=`),
    '  if [ -z "$speediso_host" ]; then',
    '    echo "hostpart is not found"',
    `  elif [ "$speediso_has_${role}" = 0 ]; then`,
    `    if loopback ${role} "($speediso_host)/${names[role]}"; then set speediso_has_${role}=1; fi`,
    '  fi',
    `  if [ "$speediso_has_${role}" = 1 ]; then`,
    `    if [ -f ${env} ]; then load_env --file ${env} ${IMAGE_VARIABLES.join(' ')}; fi`,
    `    if regexp '${PATTERNS.image}' "$image"; then`,
    '      set speediso_id="$image"',
    '    else',
    `      probe --set=speediso_id --fs-uuid ${role}`,
    '    fi',
    '  fi',
    '}',
    '',
    `function speediso_load_${role} {`,
    `  speediso_open_${role}`,
    '  set speediso_image=',
    '  if [ -n "$speediso_id" ]; then set speediso_image="speediso.image=$speediso_id"; fi',
    '  speediso_make_room',
    `  if [ "$speediso_has_${role}$speediso_room" = 11 ]; then`,
    `    if linux (${role})/boot/kernel ${words.join(' ')}; then`,
    '      set speediso_kernel=1',
    `      if initrd (${role})/boot/initramfs; then set speediso_loaded=1; fi`,
    '    fi',
    '  fi',
    '}',
    '',
  ]
}

function loadFunctions(config: GrubConfig): string[] {
  const { folder } = config
  const rescue = `($speediso_esp)${folder}/${LOADER_FILES.rescue.kernel}`
  const words = [
    'SPEEDISO=rescue speediso.booted=rescue $speediso_told $speediso_loader',
    ...DEFAULT_ARGUMENTS,
  ]
  return [
    // A second `linux` frees its own new command line: it unloads the first kernel after it has made the line
    // (grub_loader_set, grub_linux_unload; seen in 2.06 and 2.12). Another loader in between takes the first one away.
    '# After a kernel was loaded another one can be only when this has taken it out of memory.',
    'function speediso_make_room {',
    '  set speediso_loaded=0',
    '  set speediso_room=1',
    '  if [ "$speediso_kernel" = 1 ]; then',
    '    set speediso_room=0',
    '    if [ "$grub_platform" = efi ]; then',
    '      if chainloader ($speediso_esp)/EFI/BOOT/BOOTX64.EFI; then set speediso_room=1; fi',
    '    else',
    '      if chainloader --force ($speediso_esp)+1; then set speediso_room=1; fi',
    '    fi',
    '    if [ "$speediso_room" = 1 ]; then set speediso_kernel=0; fi',
    '  fi',
    '}',
    '',
    ...imageFunctions(config, 'current'),
    ...imageFunctions(config, 'old'),
    'function speediso_load_rescue {',
    '  speediso_make_room',
    `  if [ ! -f "${rescue}" ]; then`,
    '    echo "there is no rescue system"',
    '  elif [ "$speediso_room" = 1 ]; then',
    `    if linux "${rescue}" ${words.join(' ')} ${hostArguments(config)}; then`,
    '      set speediso_kernel=1',
    `      if initrd "($speediso_esp)${folder}/${LOADER_FILES.rescue.initramfs}"; then set speediso_loaded=1; fi`,
    '    fi',
    '  fi',
    '}',
    '',
    '# Boots what has just been loaded; comes back only when it cannot.',
    'function speediso_start {',
    '  if [ "$speediso_loaded" = 1 ]; then boot; fi',
    '}',
    '',
    // An entry that ended here would show the menu and wait for a person.
    'function speediso_give_up {',
    `  echo "speediso: nothing could be booted. The machine restarts in ${config.pause} s."`,
    `  sleep ${config.pause}`,
    '  reboot',
    '}',
    '',
  ]
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

function hostArguments({ consoles, append }: GrubConfig): string {
  return [...consoles.map(({ argument }) => `console=${argument}`), ...append].map(quote).join(' ')
}

/** One word for GRUB's script reader; what is quoted never has a single quote in it. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word}'`
}
