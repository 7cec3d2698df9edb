import { SpeedisoError } from '../errors.ts'

/** What of C's library is called from here, as Node has no way to it of its own. The same on x86-64 and arm64. */
const FUNCTIONS = {
  connect: { arguments: ['i32', 'buffer', 'u32'], return: 'i32' },
  fallocate: { arguments: ['i32', 'i32', 'i64', 'i64'], return: 'i32' },
  flock: { arguments: ['i32', 'i32'], return: 'i32' },
  ioctl: { arguments: ['i32', 'u64', 'buffer'], return: 'i32' },
  mlockall: { arguments: ['i32'], return: 'i32' },
  munlockall: { arguments: [], return: 'i32' },
  poll: { arguments: ['buffer', 'u64', 'i32'], return: 'i32' },
  posix_fadvise: { arguments: ['i32', 'i64', 'i64', 'i32'], return: 'i32' },
  read: { arguments: ['i32', 'buffer', 'u64'], return: 'i64' },
  send: { arguments: ['i32', 'buffer', 'u64', 'i32'], return: 'i64' },
  socket: { arguments: ['i32', 'i32', 'i32'], return: 'i32' },
  syncfs: { arguments: ['i32'], return: 'i32' },
} as const

/**
 * C's functions, and the errno of the last call that failed (errno(3)).
 * @throws SpeedisoError where they cannot be called
 */
export async function loadLibc() {
  try {
    const { dlopen, getInt32 } = await import('node:ffi')
    const { functions } = dlopen('libc.so.6', {
      ...FUNCTIONS,
      __errno_location: { arguments: [], return: 'pointer' },
    })
    // A thread has one errno at one place, so that it is read without another call that could change it.
    const errnoAt = functions.__errno_location()
    return { functions, errno: () => getInt32(errnoAt) }
  } catch (cause) {
    throw new SpeedisoError("this build cannot call C's functions", { cause })
  }
}
