import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'

/** One regular file of root's in an archive. */
export interface CpioFile {
  /** Path without a leading slash; its folder has to be there when the archive is unpacked. */
  name: string
  /** Where its content lies. */
  file: string
  /** Permission bits. */
  mode: number
}

const REGULAR = 0o100000
const LAST = 'TRAILER!!!'

/**
 * Writes an archive of one file in the "newc" format that the kernel unpacks as initramfs
 * (Linux, Documentation/driver-api/early-userspace/buffer-format.rst). Times are 0: equal content, equal archive.
 */
export async function writeCpio(archive: string, { name, file, mode }: CpioFile): Promise<void> {
  const { size } = await stat(file)
  const output = await open(archive, 'wx')
  try {
    await output.write(header(name, REGULAR | mode, size))
    for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) {
      await output.write(chunk as Uint8Array)
    }
    await output.write(Buffer.alloc(padding(size)))
    await output.write(header(LAST, 0, 0))
  } finally {
    await output.close()
  }
}

/** Magic, 13 numbers of 8 hexadecimal digits, and the name, filled up to a multiple of 4 bytes. */
function header(name: string, mode: number, size: number): Buffer {
  const [inode, owner, group, links, time, device, checksum] = [1, 0, 0, 1, 0, 0, 0]
  const fields = [inode, mode, owner, group, links, time, size, device, device, device, device]
  const numbers = [...fields, name.length + 1, checksum].map((n) => n.toString(16).padStart(8, '0')).join('')
  const text = Buffer.from(`070701${numbers}${name}\0`, 'latin1')
  return Buffer.concat([text, Buffer.alloc(padding(text.length))])
}

const padding = (length: number) => (4 - (length % 4)) % 4
