import { realpath } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { InputError } from '../../errors.ts'
import { EFI } from '../../system/boot-mode.ts'
import { readMounts } from '../../system/filesystem/mounts.ts'
import type { MachineRoot } from '../../system/machine-root.ts'
import type { Platform } from './install-plan.ts'

export interface MountedEsp {
  /** Without symbolic links. */
  dir: string
  /** `/dev/sda1`, or what else is mounted. */
  source: string
  /** The disk that it is a partition of, when it is one. */
  disk?: string
}

/** Filesystems on which GRUB changes a file by writing the blocks that it has. */
const WRITABLE_BY_GRUB: Readonly<Record<Platform, readonly string[]>> = {
  'i386-pc': ['vfat', 'msdos', 'ext2', 'ext3', 'ext4'],
  'x86_64-efi': ['vfat', 'msdos'],
}

/** @throws InputError when no filesystem is mounted there that GRUB can be installed on */
export async function readEsp(
  path: string,
  platforms: readonly Platform[],
  root: MachineRoot,
): Promise<MountedEsp> {
  const dir = await realpath(path).catch((cause) => {
    throw new InputError(`--esp ${path}: there is no such folder`, { cause })
  })
  const mounts = await readMounts(root)
  if (mounts.status !== 'known') throw new InputError(`--esp ${path}: ${mounts.reason}`)
  const mount = mounts.value.findLast(({ mountPoint }) => mountPoint === dir)
  if (mount === undefined) {
    throw new InputError(`--esp ${path}: nothing is mounted there`, {
      hint: 'mount the boot partition first, such as mount LABEL=EFI-BOOT /boot/loader',
    })
  }
  if (mount.readOnly) throw new InputError(`--esp ${path}: is mounted read-only`)
  for (const platform of platforms) {
    const types = WRITABLE_BY_GRUB[platform]
    if (!types.includes(mount.type)) {
      throw new InputError(`--esp ${path}: is ${mount.type}`, {
        hint: `GRUB for ${platform} needs ${types.join(', ')}`,
      })
    }
  }
  const disk = await diskOf(mount.source, root)
  return { dir, source: mount.source, ...(disk === undefined ? {} : { disk }) }
}

/** sysfs has a partition's folder in that of its disk. */
async function diskOf(source: string, root: MachineRoot): Promise<string | undefined> {
  const name = source.startsWith('/dev/') ? basename(source) : ''
  const at = `/sys/class/block/${name}`
  if (name === '' || !(await root.exists(`${at}/partition`))) return undefined
  const link = await root.readLink(at)
  return link === undefined ? undefined : `/dev/${basename(dirname(link))}`
}

/** Whether the firmware's boot entries can be written. */
export async function hasEfiVariables(root: MachineRoot): Promise<boolean> {
  return ((await root.list(`${EFI}/efivars`)) ?? []).length > 0
}

/** How this machine itself was booted. */
export async function ownPlatform(root: MachineRoot): Promise<Platform> {
  return (await root.exists(EFI)) ? 'x86_64-efi' : 'i386-pc'
}
