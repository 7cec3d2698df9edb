import { ReadError } from '../../errors.ts'
import { loadLibc } from '../libc.ts'

/** What the kernel tells of an open block device, and does with it; Node has no ioctl of its own. */
export interface BlockIoctl {
  /** Bytes. @throws ReadError when the device has gone */
  size(fd: number): number
  logicalBytes(fd: number): number
  physicalBytes(fd: number): number
  readOnly(fd: number): boolean
  /** Writes back what of the device lies in the kernel's cache and forgets it; whether that was allowed. */
  dropCache(fd: number): boolean
}

// Linux, include/uapi/linux/fs.h; the same on x86-64 and arm64.
const BLKGETSIZE64 = 0x80081272n
const BLKROGET = 0x125en
const BLKSSZGET = 0x1268n
const BLKPBSZGET = 0x127bn
const BLKFLSBUF = 0x1261n
/** include/uapi/linux/fadvise.h */
const POSIX_FADV_DONTNEED = 4

/** @throws SpeedisoError where C's functions cannot be called */
export async function loadBlockIoctl(): Promise<BlockIoctl> {
  const { functions } = await loadLibc()
  const ask = (fd: number, request: bigint, name: string): Buffer => {
    const answer = Buffer.alloc(8)
    if (functions.ioctl(fd, request, answer) !== 0) throw new ReadError(`the kernel does not answer ${name}`)
    return answer
  }
  return {
    size: (fd) => Number(ask(fd, BLKGETSIZE64, 'BLKGETSIZE64').readBigUInt64LE()),
    logicalBytes: (fd) => ask(fd, BLKSSZGET, 'BLKSSZGET').readUInt32LE(),
    physicalBytes: (fd) => ask(fd, BLKPBSZGET, 'BLKPBSZGET').readUInt32LE(),
    readOnly: (fd) => ask(fd, BLKROGET, 'BLKROGET').readInt32LE() !== 0,
    dropCache(fd) {
      const flushed = functions.ioctl(fd, BLKFLSBUF, Buffer.alloc(8)) === 0
      // Needs no privilege, but leaves what is dirty.
      return functions.posix_fadvise(fd, 0n, 0n, POSIX_FADV_DONTNEED) === 0 && flushed
    },
  }
}
