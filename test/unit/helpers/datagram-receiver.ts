import { dlopen } from 'node:ffi'
import { closeSync } from 'node:fs'

const { functions: libc } = dlopen('libc.so.6', {
  socket: { arguments: ['i32', 'i32', 'i32'], return: 'i32' },
  bind: { arguments: ['i32', 'buffer', 'u32'], return: 'i32' },
  recv: { arguments: ['i32', 'buffer', 'u64', 'i32'], return: 'i64' },
})

export interface DatagramReceiver extends Disposable {
  /** The next datagram that has come; undefined: none. */
  receive(): Buffer | undefined
}

/** A unix datagram socket, bound to this path, as that of the journal is. */
export function bindDatagramReceiver(path: string): DatagramReceiver {
  const fd = libc.socket(1, 2, 0)
  const address = Buffer.alloc(110)
  address.writeUInt16LE(1)
  address.write(path, 2)
  if (fd < 0 || libc.bind(fd, address, address.length) !== 0) throw new Error(`cannot bind ${path}`)
  const buffer = Buffer.alloc(256 * 1024)
  return {
    receive() {
      const size = Number(libc.recv(fd, buffer, BigInt(buffer.length), 0x40))
      return size < 0 ? undefined : Buffer.from(buffer.subarray(0, size))
    },
    [Symbol.dispose]: () => closeSync(fd),
  }
}
