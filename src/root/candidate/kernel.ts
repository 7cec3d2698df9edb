/** What a kernel says of itself. */
export interface KernelFacts {
  format: 'bzImage' | 'arm64 Image'
  /** Node's name of the architecture. */
  arch: 'x64' | 'arm64'
  /** As `uname -r` tells it. */
  release: string
  /** Bytes that the file has at least, as its header says. */
  bytes: number
}

/** Undefined: none that GRUB's linux command loads. */
export function readKernel(bytes: Buffer): KernelFacts | undefined {
  return readBzImage(bytes) ?? readArm64(bytes)
}

/** Linux, Documentation/arch/x86/boot.rst: boot protocol 2.00 and later. */
function readBzImage(bytes: Buffer): KernelFacts | undefined {
  if (bytes.length < 0x264 || bytes.readUInt16LE(0x1fe) !== 0xaa55) return undefined
  if (bytes.toString('latin1', 0x202, 0x206) !== 'HdrS' || bytes.readUInt16LE(0x206) < 0x200) return undefined
  // Less 512 it is where the text lies; 0: there is none.
  const pointer = bytes.readUInt16LE(0x20e)
  const release = pointer === 0 ? undefined : firstWord(bytes.subarray(pointer + 0x200, pointer + 0x300))
  if (release === undefined) return undefined
  const setup = bytes[0x1f1] === 0 ? 4 : (bytes[0x1f1] ?? 4)
  return {
    format: 'bzImage',
    arch: 'x64',
    release,
    bytes: (setup + 1) * 512 + bytes.readUInt32LE(0x1f4) * 16,
  }
}

/** Linux, Documentation/arch/arm64/booting.rst. Its header tells no release; its text `linux_banner` does. */
function readArm64(bytes: Buffer): KernelFacts | undefined {
  if (bytes.length < 64 || bytes.toString('latin1', 56, 60) !== 'ARM\x64') return undefined
  const banner = 'Linux version '
  for (let at = bytes.indexOf(banner); at !== -1; at = bytes.indexOf(banner, at + 1)) {
    const release = firstWord(bytes.subarray(at + banner.length, at + banner.length + 256))
    // A format string of the kernel's own comes first at times.
    if (release !== undefined && /^\d/.test(release))
      // image_size counts memory that is cleared too, and cannot tell the length of the file.
      return { format: 'arm64 Image', arch: 'arm64', release, bytes: 64 }
  }
  return undefined
}

function firstWord(bytes: Buffer): string | undefined {
  const [word] = /^[\w.+~-]+(?=[\0 ])/.exec(bytes.toString('latin1')) ?? []
  return word
}

/** Linux, init/initramfs.c and lib/decompress.c: what an initramfs begins with. */
const INITRAMFS_MAGIC: readonly [name: string, hex: string][] = [
  ['cpio', '303730373031'],
  ['cpio with checksums', '303730373032'],
  ['gzip', '1f8b'],
  ['gzip', '1f9e'],
  ['bzip2', '425a'],
  ['lzma', '5d00'],
  ['xz', 'fd377a58'],
  ['lzo', '894c5a'],
  ['lz4', '02214c18'],
  ['zstd', '28b52ffd'],
]

/** How it is packed; undefined: it is no initramfs. */
export function initramfsFormat(head: Buffer): string | undefined {
  return INITRAMFS_MAGIC.find(([, hex]) => head.subarray(0, hex.length / 2).toString('hex') === hex)?.[0]
}
