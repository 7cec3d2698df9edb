import { SpeedisoError } from '../errors.ts'

/** Locks of whole files, which the kernel gives back when the last descriptor is closed: with its process at the latest. */
export interface Flock {
  /** 0, or the errno of Linux; never waits. `shared`: with others that share it. */
  lock(fd: number, shared?: boolean): number
}

// Linux, include/uapi/asm-generic/fcntl.h
const LOCK_SH = 1
const LOCK_EX = 2
const LOCK_NB = 4

/** include/uapi/asm-generic/errno-base.h; the same as EWOULDBLOCK. */
export const EAGAIN = 11

/** flock(2), which Node has not. @throws SpeedisoError where C's functions cannot be called */
export async function loadFlock(): Promise<Flock> {
  try {
    const { dlopen, getInt32 } = await import('node:ffi')
    const { functions } = dlopen('libc.so.6', {
      flock: { arguments: ['i32', 'i32'], return: 'i32' },
      __errno_location: { arguments: [], return: 'pointer' },
    })
    // A thread has one errno at one place, so that it is read without another call that could change it.
    const errnoAt = functions.__errno_location()
    return {
      lock: (fd, shared = false) =>
        functions.flock(fd, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) === 0 ? 0 : getInt32(errnoAt),
    }
  } catch (cause) {
    throw new SpeedisoError('this build cannot call flock(2)', { cause })
  }
}
