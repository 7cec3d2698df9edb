import { dlopen } from 'node:ffi'

// A program for tests: `node receive-datagrams.ts PATH` binds a unix datagram socket, says `ready`, and prints what comes.
const path = process.argv[2] ?? ''
const { functions } = dlopen('libc.so.6', {
  socket: { arguments: ['i32', 'i32', 'i32'], return: 'i32' },
  bind: { arguments: ['i32', 'buffer', 'u32'], return: 'i32' },
  recv: { arguments: ['i32', 'buffer', 'u64', 'i32'], return: 'i64' },
})
const fd = functions.socket(1, 2, 0)
const address = Buffer.alloc(110)
address.writeUInt16LE(1)
address.write(path, 2)
if (functions.bind(fd, address, address.length) !== 0) throw new Error(`cannot bind ${path}`)
process.stdout.write('ready\n')
const buffer = Buffer.alloc(1024 * 1024)
const MSG_DONTWAIT = 0x40
setInterval(() => {
  for (;;) {
    const length = Number(functions.recv(fd, buffer, BigInt(buffer.length), MSG_DONTWAIT))
    if (length < 0) return
    process.stdout.write(`${buffer.toString('base64', 0, length)}\n`)
  }
}, 5)
