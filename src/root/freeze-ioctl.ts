import { loadLibc } from '../system/libc.ts'

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
  const { functions, errno } = await loadLibc()
  const failure = (answer: number) => (answer < 0 ? errno() : 0)
  const argument = Buffer.alloc(8)
  const pollfd = Buffer.alloc(8)
  const byte = Buffer.alloc(1)
  return {
    call: (fd, what) => failure(functions.ioctl(fd, REQUESTS[what], argument)),
    sync: (fd) => failure(functions.syncfs(fd)),
    lockMemory: () => failure(functions.mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)),
    unlockMemory: () => failure(functions.munlockall()),
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
