import { copyFile, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { InputError } from '../../errors.ts'
import { syncFolder } from './in-place.ts'
import { LOADER_FILES } from './loader-files.ts'

export interface RescueFiles {
  kernel: string
  initramfs: string
}

/** @throws InputError when they are not a kernel for x86 and an initramfs */
export async function checkRescue({ kernel, initramfs }: RescueFiles): Promise<void> {
  // Documentation/arch/x86/boot.rst: the header's magic number.
  const magic = await head('--rescue-kernel', kernel, 0x206)
  if (magic.toString('latin1', 0x202) !== 'HdrS') {
    throw new InputError(`--rescue-kernel ${kernel}: is no Linux kernel for x86`)
  }
  const start = (await head('--rescue-initramfs', initramfs, 6)).toString('latin1')
  const known = [
    '070701',
    '070702',
    '\x1f\x8b',
    '\x28\xb5\x2f\xfd',
    '\xfd7zXZ\0',
    'BZh',
    '\x5d\0\0',
    '\x02\x21\x4c\x18',
    '\x89LZO',
  ]
  if (!known.some((each) => start.startsWith(each))) {
    throw new InputError(
      `--rescue-initramfs ${initramfs}: is no initramfs (neither cpio nor a compression of the kernel)`,
    )
  }
}

async function head(flag: string, path: string, bytes: number): Promise<Buffer> {
  try {
    await using file = await open(path, 'r')
    const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0)
    return buffer.subarray(0, bytesRead)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'there is no such file' : `cannot be read (${code})`
    throw new InputError(`${flag} ${path}: ${why}`, { cause })
  }
}

/** Replaces the rescue system. After a power cut the old one, none or the new one is there, never a mixture. */
export async function writeRescue(esp: string, files: RescueFiles): Promise<void> {
  const to = {
    kernel: join(esp, LOADER_FILES.rescue.kernel),
    initramfs: join(esp, LOADER_FILES.rescue.initramfs),
  }
  const folder = dirname(to.kernel)
  await mkdir(folder, { recursive: true })
  const fresh = { kernel: `${to.kernel}.new`, initramfs: `${to.initramfs}.new` }
  try {
    for (const part of ['kernel', 'initramfs'] as const) {
      await copyFile(files[part], fresh[part])
      await using file = await open(fresh[part], 'r+')
      await file.sync()
    }
  } catch (error) {
    // Both systems at once may be more than the partition has room for; the old one stays.
    for (const path of Object.values(fresh)) await rm(path, { force: true })
    throw error
  }
  await syncFolder(folder)
  // Without a kernel GRUB knows that there is no rescue system.
  await rm(to.kernel, { force: true })
  await syncFolder(folder)
  await rename(fresh.initramfs, to.initramfs)
  await syncFolder(folder)
  await rename(fresh.kernel, to.kernel)
  await syncFolder(folder)
}
