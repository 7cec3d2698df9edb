import { type FileHandle, open } from 'node:fs/promises'
import { getSystemErrorName } from 'node:util'
import { SpeedisoError } from '../../errors.ts'
import { loadLibc } from '../../system/libc.ts'

/** A loop device that exists for as long as somebody holds it: this handle, or a mount. */
export interface LoopDevice extends AsyncDisposable {
  path: string
}

/** The kernel's calls; each answers what ioctl(2) does, or less than 0 an errno of Linux. */
export interface LoopIo {
  /** Number of a device that nobody uses. */
  free(control: number): number
  configure(device: number, config: Buffer): number
}

// Linux, include/uapi/linux/loop.h; the same on x86-64 and arm64.
const LOOP_CTL_GET_FREE = 0x4c82n
const LOOP_CONFIGURE = 0x4c0an
const LO_FLAGS_READ_ONLY = 1
const LO_FLAGS_AUTOCLEAR = 4
/** struct loop_config: fd, block_size, struct loop_info64, 8 reserved words. */
const CONFIG_BYTES = 4 + 4 + 232 + 64
/** lo_flags within loop_info64: after five words of 64 bits and three of 32. */
const FLAGS_AT = 8 + 5 * 8 + 3 * 4
// include/uapi/asm-generic/errno-base.h
const EBUSY = 16

/** Others look for a free one at the same time, such as udev's probes of the one before. */
const ATTEMPTS = 20

/**
 * Makes a read-only loop device of a file in one call of the kernel (LOOP_CONFIGURE, Linux 5.8) that also says that it goes
 * with its last holder: whenever this process ends, none is left.
 * @throws SpeedisoError, or an error of the files
 */
export async function attachReadOnly(file: string, io: LoopIo): Promise<LoopDevice> {
  await using backing = await open(file, 'r')
  await using control = await open('/dev/loop-control', 'r+')
  const config = Buffer.alloc(CONFIG_BYTES)
  config.writeUInt32LE(backing.fd, 0)
  config.writeUInt32LE(LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR, FLAGS_AT)
  for (let attempt = 1; ; attempt += 1) {
    const path = `/dev/loop${checked(io.free(control.fd), 'no loop device is free')}`
    const device = await openNode(path)
    const answer = io.configure(device.fd, config)
    if (answer === 0) return { path, [Symbol.asyncDispose]: () => device.close() }
    await device.close()
    if (answer !== -EBUSY || attempt === ATTEMPTS) checked(answer, `${path} takes no file`)
  }
}

/** The kernel makes the node as it gives the number out; where udev alone does, it takes a moment. */
async function openNode(path: string): Promise<FileHandle> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await open(path, 'r')
    } catch (error) {
      if (attempt === ATTEMPTS || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

function checked(answer: number, what: string): number {
  if (answer < 0) throw new SpeedisoError(`${what}: ${getSystemErrorName(answer)}`)
  return answer
}

/** @throws SpeedisoError where C's functions cannot be called */
export async function loadLoopIo(): Promise<LoopIo> {
  const { functions, errno } = await loadLibc()
  const told = (answer: number) => (answer < 0 ? -errno() : answer)
  const nothing = Buffer.alloc(8)
  return {
    free: (control) => told(functions.ioctl(control, LOOP_CTL_GET_FREE, nothing)),
    configure: (device, config) => told(functions.ioctl(device, LOOP_CONFIGURE, config)),
  }
}
