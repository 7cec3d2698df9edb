/** A unix datagram socket that is connected to a receiver. Node itself has none of the kind. */
export interface Datagrams extends Disposable {
  /** Never blocks. False: the receiver is gone, or has no room now. */
  send(bytes: Buffer): boolean
}

// Of linux/socket.h and bits/socket_type.h: the same on x86-64 and arm64.
const AF_UNIX = 1
const SOCK_DGRAM = 2
const SOCK_CLOEXEC = 0o2000000
const MSG_DONTWAIT = 0x40
const MSG_NOSIGNAL = 0x4000

/** Bytes of sun_path, its end mark among them (unix(7)). */
const PATH_LIMIT = 108

/** Connects to the receiver at this path; undefined when there is none, or when this Node cannot call libc. */
export async function openDatagrams(path: string): Promise<Datagrams | undefined> {
  if (Buffer.byteLength(path) >= PATH_LIMIT) return undefined
  const ffi = await import('node:ffi').catch(() => undefined)
  if (ffi === undefined) return undefined
  const library = ffi.dlopen('libc.so.6', {
    socket: { arguments: ['i32', 'i32', 'i32'], return: 'i32' },
    connect: { arguments: ['i32', 'buffer', 'u32'], return: 'i32' },
    send: { arguments: ['i32', 'buffer', 'u64', 'i32'], return: 'i64' },
    close: { arguments: ['i32'], return: 'i32' },
  })
  const { socket, connect, send, close } = library.functions
  const address = Buffer.alloc(2 + PATH_LIMIT)
  address.writeUInt16LE(AF_UNIX)
  address.write(path, 2)
  const open = (): number => {
    const made = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)
    if (made < 0 || connect(made, address, address.length) === 0) return made
    close(made)
    return -1
  }
  let fd = open()
  const attempt = (bytes: Buffer): boolean =>
    fd >= 0 && send(fd, bytes, BigInt(bytes.length), MSG_DONTWAIT | MSG_NOSIGNAL) === BigInt(bytes.length)
  const shut = () => {
    if (fd >= 0) close(fd)
    fd = -1
  }
  if (fd < 0) {
    library.lib.close()
    return undefined
  }
  return {
    send(bytes) {
      if (attempt(bytes)) return true
      // A receiver that was restarted is another one at the same path.
      shut()
      fd = open()
      return attempt(bytes)
    },
    [Symbol.dispose]() {
      shut()
      library.lib.close()
    },
  }
}
