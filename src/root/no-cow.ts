import { loadLibc } from '../system/libc.ts'

// Linux, include/uapi/linux/fs.h; the same on x86-64 and arm64.
const FS_IOC_GETFLAGS = 0x80086601n
const FS_IOC_SETFLAGS = 0x40086602n
const FS_NOCOW_FL = 0x00800000

/**
 * Lets a file that was just made be overwritten where it lies, on a filesystem that else writes anew (btrfs): so it needs
 * no room once it has its size. Any other filesystem does so anyway, and does not know the flag.
 */
export async function keepInPlace(fd: number): Promise<void> {
  try {
    const { functions } = await loadLibc()
    const flags = Buffer.alloc(8)
    if (functions.ioctl(fd, FS_IOC_GETFLAGS, flags) !== 0) return
    flags.writeUInt32LE((flags.readUInt32LE() | FS_NOCOW_FL) >>> 0)
    functions.ioctl(fd, FS_IOC_SETFLAGS, flags)
  } catch {
    // It only matters on a full filesystem.
  }
}
