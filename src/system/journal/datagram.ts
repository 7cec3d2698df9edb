import { closeSync } from 'node:fs'
import { constants } from 'node:os'
import { loadLibc } from '../libc.ts'

/** What became of a datagram; `busy`: the receiver has too many waiting; `gone`: there is no receiver any more. */
export type Sending = 'sent' | 'busy' | 'too large' | 'gone'

export interface DatagramSocket extends Disposable {
  /** Never waits. */
  send(data: Uint8Array): Sending
}

const { EAGAIN, ENOBUFS, EMSGSIZE } = constants.errno

// Linux, include/uapi/asm-generic/fcntl.h and include/linux/socket.h; the same on x86-64 and arm64.
const AF_UNIX = 1
const SOCK_DGRAM = 2
const SOCK_CLOEXEC = 0o2000000
const MSG_DONTWAIT = 0x40
const MSG_NOSIGNAL = 0x4000

/** `struct sockaddr_un`: the family in two bytes, then the path with its NUL (unix(7)). */
const PATH_LIMIT = 108

/** A socket that sends to the one at this path; undefined when that cannot be had. */
export async function openDatagramSocket(path: string): Promise<DatagramSocket | undefined> {
  const libc = await loadLibc().catch(() => undefined)
  if (libc === undefined || Buffer.byteLength(path) >= PATH_LIMIT) return undefined
  const fd = libc.functions.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)
  if (fd < 0) return undefined
  const address = Buffer.alloc(2 + PATH_LIMIT)
  address.writeUInt16LE(AF_UNIX)
  address.write(path, 2)
  if (libc.functions.connect(fd, address, address.length) !== 0) {
    closeSync(fd)
    return undefined
  }
  return {
    send(data) {
      const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
      const sent = libc.functions.send(fd, bytes, BigInt(bytes.length), MSG_DONTWAIT | MSG_NOSIGNAL)
      if (sent >= 0) return 'sent'
      const errno = libc.errno()
      if (errno === EAGAIN || errno === ENOBUFS) return 'busy'
      return errno === EMSGSIZE ? 'too large' : 'gone'
    },
    [Symbol.dispose]: () => closeSync(fd),
  }
}
