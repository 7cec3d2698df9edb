import { open } from 'node:fs/promises'

/** What a filesystem says of itself. */
export interface Superblock {
  /** As mount(8) takes it. */
  type: 'ext2' | 'ext3' | 'ext4' | 'xfs' | 'btrfs' | 'squashfs'
  /** In the text form; squashfs has none. */
  uuid?: string
  /** Bytes that the filesystem takes from the start of its device. */
  bytes: number
  /** Why it is not as an unmount leaves it. */
  unclean?: string
}

/** Bytes to look at: btrfs has its superblock behind all the others. */
export const HEAD_BYTES = 0x10000 + 4096

/** The first bytes of a file; what lies behind its end is zero. */
export async function readHead(file: string): Promise<Buffer> {
  await using handle = await open(file, 'r')
  const head = Buffer.alloc(HEAD_BYTES)
  await handle.read(head, 0, head.length, 0)
  return head
}

/** Of the first 68 KiB; what lies behind the end of the file is zero. */
export function parseSuperblock(head: Buffer): Superblock | undefined {
  return parseSquashfs(head) ?? parseXfs(head) ?? parseBtrfs(head) ?? parseExt(head)
}

/** Linux, Documentation/filesystems/ext4/super.rst; the superblock starts at 1024. */
function parseExt(head: Buffer): Superblock | undefined {
  const block = head.subarray(1024, 2048)
  if (block.readUInt16LE(0x38) !== 0xef53) return undefined
  const compat = block.readUInt32LE(0x5c)
  const incompat = block.readUInt32LE(0x60)
  const roCompat = block.readUInt32LE(0x64)
  const wide = (incompat & 0x80) !== 0
  const blocks = block.readUInt32LE(0x04) + (wide ? block.readUInt32LE(0x150) * 2 ** 32 : 0)
  const journal = (compat & 0x4) !== 0
  // As blkid(8) tells them apart: ext3 has a journal, ext4 whatever ext3 does not know.
  const ext4 = (incompat & ~0x16) !== 0 || (roCompat & ~0x7) !== 0
  const state = block.readUInt16LE(0x3a)
  const unclean =
    (incompat & 0x4) !== 0
      ? 'its journal has to be replayed'
      : (state & 0x2) !== 0
        ? 'the kernel has found errors in it'
        : (state & 0x1) === 0
          ? 'it is marked as mounted'
          : undefined
  return {
    type: ext4 ? 'ext4' : journal ? 'ext3' : 'ext2',
    uuid: uuidText(block.subarray(0x68, 0x78)),
    bytes: blocks * 2 ** (10 + block.readUInt32LE(0x18)),
    ...(unclean === undefined ? {} : { unclean }),
  }
}

/** XFS Algorithms & Data Structures, 3rd edition, chapter 13 (superblocks); big-endian. Its log tells more only to a mount. */
function parseXfs(head: Buffer): Superblock | undefined {
  if (head.toString('latin1', 0, 4) !== 'XFSB') return undefined
  const inProgress = head[126] !== 0
  return {
    type: 'xfs',
    uuid: uuidText(head.subarray(32, 48)),
    bytes: Number(head.readBigUInt64BE(8)) * head.readUInt32BE(4),
    ...(inProgress ? { unclean: 'mkfs.xfs has not finished it' } : {}),
  }
}

/** btrfs documentation, On-disk Format, superblock: at 64 KiB, with its device item at 0xc9. */
function parseBtrfs(head: Buffer): Superblock | undefined {
  const block = head.subarray(0x10000)
  if (block.toString('latin1', 0x40, 0x48) !== '_BHRfS_M') return undefined
  const devices = block.readBigUInt64LE(0x88)
  const unclean =
    devices !== 1n
      ? `it lies on ${devices} devices`
      : block.readBigUInt64LE(0x60) !== 0n
        ? 'its log tree has to be replayed'
        : undefined
  return {
    type: 'btrfs',
    uuid: uuidText(block.subarray(0x20, 0x30)),
    bytes: Number(block.readBigUInt64LE(0xc9 + 8)),
    ...(unclean === undefined ? {} : { unclean }),
  }
}

/** Squashfs Binary Format 4.0 (squashfs-tools-ng, doc/format.adoc), superblock: at 0. */
function parseSquashfs(head: Buffer): Superblock | undefined {
  if (head.toString('latin1', 0, 4) !== 'hsqs' || head.readUInt16LE(28) !== 4) return undefined
  return { type: 'squashfs', bytes: Number(head.readBigUInt64LE(40)) }
}

function uuidText(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** What it is instead of a filesystem, for people; undefined: it cannot be told. */
export function describeOther(head: Buffer): string | undefined {
  const starts = (hex: string) => head.subarray(0, hex.length / 2).toString('hex') === hex
  if (starts('1f8b') || starts('28b52ffd') || starts('fd377a585a00') || starts('425a68'))
    return 'it is compressed: unpack it first'
  // The boot sector of a FAT filesystem ends as that of a disk does (Microsoft, FAT specification 1.03, section 3).
  if ([54, 82].some((at) => head.toString('latin1', at, at + 3) === 'FAT'))
    return 'it is a FAT filesystem, which holds no root'
  if (head.toString('latin1', 512, 520) === 'EFI PART' || head.readUInt16LE(510) === 0xaa55)
    return 'it starts with a partition table: an image is the filesystem of one partition'
  if (starts('514649fb')) return 'it is a qcow2 image: convert it to a raw one'
  return head.every((byte) => byte === 0) ? 'it begins with zeros: it was not copied whole' : undefined
}
