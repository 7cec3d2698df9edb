import { SpeedisoError } from '../errors.ts'

/**
 * `freeze` brings all of a filesystem to its place on the disk, its journal too, and holds every write until `thaw`;
 * `rehearse` runs the same code and changes nothing.
 */
export type FreezeCall = 'freeze' | 'thaw' | 'rehearse'

/** The kernel's calls that freeze a filesystem. Each answers 0 or an errno of Linux. */
export interface FreezeIo {
  call(fd: number, what: FreezeCall): number
  /** Writes back everything of the filesystem, which may stay in the journal. */
  sync(fd: number): number
  /** Keeps in memory what of this process is there now, and what comes to be. Undone by `unlockMemory`. */
  lockMemory(): number
  unlockMemory(): number
  /** Waits so many milliseconds for one byte or the end of a stream; undefined when neither came. */
  readByte(fd: number, milliseconds: number): number | 'end' | undefined
}

// Linux, include/uapi/linux/fs.h: FIFREEZE _IOWR('X', 119, int), FITHAW _IOWR('X', 120, int), FIGETBSZ _IO(0x00, 2); the
// same on x86-64 and arm64.
const REQUESTS = { freeze: 0xc0045877n, thaw: 0xc0045878n, rehearse: 0x2n }
// include/uapi/asm-generic/mman.h
const MCL_CURRENT = 1
const MCL_FUTURE = 2
/** Only what is in memory: without it, all of the program's file would be read. */
const MCL_ONFAULT = 4
// include/uapi/asm-generic/poll.h
const POLLIN = 1

// include/uapi/asm-generic/errno-base.h and errno.h
export const EPERM = 1
export const EBUSY = 16
export const EINVAL = 22
export const ENOTTY = 25
export const ENOSYS = 38
export const EOPNOTSUPP = 95

/** @throws SpeedisoError where C's functions cannot be called */
export async function loadFreezeIo(): Promise<FreezeIo> {
  const { functions, getInt32 } = await loadLibc()
  // A thread has one errno at one place, so that it is read without another call that could change it.
  const errnoAt = functions.__errno_location()
  const errno = (answer: number | bigint) => (Number(answer) < 0 ? getInt32(errnoAt) : 0)
  const argument = Buffer.alloc(8)
  const pollfd = Buffer.alloc(8)
  const byte = Buffer.alloc(1)
  return {
    call: (fd, what) => errno(functions.ioctl(fd, REQUESTS[what], argument)),
    sync: (fd) => errno(functions.syncfs(fd)),
    lockMemory: () => errno(functions.mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)),
    unlockMemory: () => errno(functions.munlockall()),
    readByte(fd, milliseconds) {
      pollfd.writeInt32LE(fd, 0)
      pollfd.writeInt16LE(POLLIN, 4)
      // Nothing, or a signal.
      if (functions.poll(pollfd, 1n, milliseconds) <= 0) return undefined
      const length = Number(functions.read(fd, byte, 1n))
      return length === 1 ? (byte[0] ?? 0) : length === 0 ? 'end' : undefined
    },
  }
}

async function loadLibc() {
  try {
    const { dlopen, getInt32 } = await import('node:ffi')
    const { functions } = dlopen('libc.so.6', {
      ioctl: { arguments: ['i32', 'u64', 'buffer'], return: 'i32' },
      syncfs: { arguments: ['i32'], return: 'i32' },
      mlockall: { arguments: ['i32'], return: 'i32' },
      munlockall: { arguments: [], return: 'i32' },
      poll: { arguments: ['buffer', 'u64', 'i32'], return: 'i32' },
      read: { arguments: ['i32', 'buffer', 'u64'], return: 'i64' },
      __errno_location: { arguments: [], return: 'pointer' },
    })
    return { functions, getInt32 }
  } catch (cause) {
    throw new SpeedisoError('this build cannot call ioctl(2)', { cause })
  }
}
