import { createHash } from 'node:crypto'
import { InputError } from '../../errors.ts'
import { LOADER_FILES, WHOLE } from './loader-files.ts'

/** The two configurations, in the order in which GRUB tries them. */
export const SLOTS = ['a', 'b'] as const
export type Slot = (typeof SLOTS)[number]

export const CHOOSER_FILE = 'grub/grub.cfg'

/** The size of the smallest sector: it lies in one, and is changed by writing that one. */
export const CHOOSER_BYTES = 512

export function slotFiles(slot: Slot): { config: string; sum: string } {
  return { config: `grub/speediso-${slot}.cfg`, sum: `grub/speediso-${slot}.sum` }
}

/**
 * grub.cfg: reads the first configuration whose SHA-256 is right, so that one of them can be written anew at any time.
 * With neither it starts the rescue system, else it restarts the machine.
 * @param folder see GrubConfig
 */
export function renderChooser(folder = ''): string {
  const files = '$prefix/speediso-$n'
  const [kernel, initramfs] = [LOADER_FILES.rescue.kernel, LOADER_FILES.rescue.initramfs]
  const text = [
    '# Made by speediso root install-loader: takes the first configuration that is whole.',
    'for n in a b; do',
    `if [ "$${WHOLE}" != 1 ]; then`,
    `if sha256sum --prefix $prefix --check ${files}.sum; then source ${files}.cfg; fi`,
    'fi',
    'done',
    `if [ "$${WHOLE}" != 1 ]; then`,
    `linux ($root)${folder}/${kernel} SPEEDISO=rescue panic=30`,
    `initrd ($root)${folder}/${initramfs}`,
    'boot',
    'sleep 60',
    'reboot',
    'fi',
    '',
  ].join('\n')
  if (text.length > CHOOSER_BYTES)
    throw new InputError(`${folder}: too long for the folder of the boot loader`)
  return text.padEnd(CHOOSER_BYTES, '#')
}

/** The file beside a configuration by which GRUB knows that it is whole, as sha256sum writes it. */
export function renderSum(config: string, slot: Slot): string {
  const name = slotFiles(slot).config.split('/').at(-1)
  return `${createHash('sha256').update(config).digest('hex')}  ${name}\n`
}
