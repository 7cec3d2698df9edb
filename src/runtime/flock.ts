import { loadLibc } from '../system/libc.ts'

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
  const { functions, errno } = await loadLibc()
  return {
    lock: (fd, shared = false) =>
      functions.flock(fd, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) === 0 ? 0 : errno(),
  }
}
