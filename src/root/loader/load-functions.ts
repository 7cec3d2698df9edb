import type { GrubConfig } from './grub-cfg.ts'
import { IMAGE_ENV, IMAGE_VARIABLES } from './image-env.ts'
import { DEFAULT_ARGUMENTS } from './kernel-arguments.ts'
import { LOADER_FILES } from './loader-files.ts'
import { PATTERNS } from './trial-env.ts'

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
    // The initramfs that starts another image's kernel changes what lies between.
    `speediso.append=image $append speediso.append=host ${hostArguments(config)}`,
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

/** Functions of the GRUB script that load an image or the rescue system, and boot it. */
export function loadFunctions(config: GrubConfig): string[] {
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

/** The host's own kernel arguments in a configuration, as they stand there; undefined when it is none of these. */
export function hostArgumentsIn(config: string): string | undefined {
  return / speediso\.append=host (.*?); then$/m.exec(config)?.[1]
}

function hostArguments({ consoles, append }: GrubConfig): string {
  return [...consoles.map(({ argument }) => `console=${argument}`), ...append].map(quote).join(' ')
}

/** One word for GRUB's script reader; what is quoted never has a single quote in it. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word}'`
}
