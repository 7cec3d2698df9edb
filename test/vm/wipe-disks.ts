import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Disk } from './harness/spec.ts'

const MIB = 2 ** 20
const CHUNK = 4 * MIB

/** What must not be found on a wiped disk. */
export const SECRET = 'CUSTOMER-DATA-7f3a9c-'

/** Writes the secret over the whole of a new raw image, each line with its place. */
export async function fillImage(file: string, sizeMiB: number): Promise<void> {
  await using image = await open(file, 'wx')
  for (let at = 0; at < sizeMiB * MIB; at += CHUNK) {
    const lines = Buffer.alloc(Math.min(CHUNK, sizeMiB * MIB - at))
    for (let i = 0; i < lines.length; i += 64)
      lines.write(`${SECRET}${String(at + i).padStart(42, '0')}\n`, i, 'latin1')
    await image.write(lines, 0, lines.length, at)
  }
}

export interface Found {
  /** Offset of the first secret; -1: none. */
  secret: number
  /** Offset of the first byte that is not zero; -1: none. */
  nonZero: number
  bytes: number
}

/** Reads a whole raw image. */
export async function searchImage(file: string): Promise<Found> {
  await using image = await open(file, 'r')
  const found: Found = { secret: -1, nonZero: -1, bytes: 0 }
  const zeros = Buffer.alloc(CHUNK)
  // A secret that lies across two chunks is found in the overlap.
  const overlap = SECRET.length
  const chunk = Buffer.alloc(CHUNK + overlap)
  for (;;) {
    const { bytesRead } = await image.read(chunk, 0, chunk.length, found.bytes)
    if (bytesRead === 0) return found
    const fresh = chunk.subarray(0, Math.min(bytesRead, CHUNK))
    const secret = chunk.subarray(0, bytesRead).indexOf(SECRET, 0, 'latin1')
    if (found.secret < 0 && secret >= 0) found.secret = found.bytes + secret
    if (found.nonZero < 0 && fresh.compare(zeros, 0, fresh.length) !== 0)
      found.nonZero = found.bytes + fresh.findIndex((byte) => byte !== 0)
    found.bytes += fresh.length
  }
}

/** One disk of each kind, and a second SATA disk for the mirror; each full of the secret. */
export async function secretDisks(dir: string, sizeMiB: number): Promise<(Disk & { file: string })[]> {
  const disks = [
    { kind: 'nvme', serial: 'NVME-1', wwn: '0011223344556677' },
    { kind: 'sata', serial: 'SATA-1', wwn: '5000c500a1b2c301', rotational: true },
    { kind: 'sata', serial: 'SATA-2', wwn: '5000c500a1b2c302', rotational: true },
    { kind: 'scsi', serial: 'SCSI-1', wwn: '5000c500a1b2c303', rotational: true },
    { kind: 'virtio', serial: 'VIRTIO-1' },
  ] as const
  return Promise.all(
    disks.map(async (disk) => {
      const file = join(dir, `${disk.serial}.img`)
      await fillImage(file, sizeMiB)
      return { ...disk, sizeMiB, file }
    }),
  )
}

/**
 * Builds what customers have: a mirror with LVM on it and LUKS in that, a file system on NVMe, LVM on SCSI, swap and a
 * file system on virtio; all in use, and full of the secret.
 */
export const BUILD = `
dev() { lsblk --nodeps --noheadings --output PATH,SERIAL | awk -v s="$1" '$2 == s { print $1 }'; }
fill() { yes "${SECRET}" | head -c 8M > "$1/data"; sync -f "$1"; }
mkdir -p /mnt/secret /mnt/nvme /mnt/scsi /mnt/virtio
echo key > /tmp/key

mdadm --create /dev/md/data --level=1 --raid-devices=2 --metadata=1.2 --assume-clean --run "$(dev SATA-1)" "$(dev SATA-2)"
pvcreate --quiet --yes /dev/md/data
vgcreate --quiet raid /dev/md/data
lvcreate --quiet --yes --wipesignatures n --extents 80%FREE --name secret raid
cryptsetup luksFormat --batch-mode --pbkdf pbkdf2 --pbkdf-force-iterations 1000 /dev/raid/secret /tmp/key
cryptsetup open --key-file /tmp/key /dev/raid/secret secret
mkfs.ext4 -q -E nodiscard /dev/mapper/secret
mount /dev/mapper/secret /mnt/secret && fill /mnt/secret

sgdisk --new 1:0:+64M --new 2:0:0 "$(dev NVME-1)" > /dev/null
udevadm settle
mkfs.ext4 -q -E nodiscard "$(dev NVME-1)p1"
mount "$(dev NVME-1)p1" /mnt/nvme && fill /mnt/nvme

pvcreate --quiet --yes "$(dev SCSI-1)"
vgcreate --quiet plain "$(dev SCSI-1)"
lvcreate --quiet --yes --wipesignatures n --extents 50%FREE --name files plain
mkfs.ext4 -q -E nodiscard /dev/plain/files
mount /dev/plain/files /mnt/scsi && fill /mnt/scsi

sgdisk --new 1:0:+32M --typecode 1:8200 --new 2:0:0 "$(dev VIRTIO-1)" > /dev/null
udevadm settle
mkswap --quiet "$(dev VIRTIO-1)1" && swapon "$(dev VIRTIO-1)1"
mkfs.ext4 -q -E nodiscard "$(dev VIRTIO-1)2"
mount "$(dev VIRTIO-1)2" /mnt/virtio && fill /mnt/virtio
mount --bind /mnt/virtio /mnt/nvme/lost+found
sync
lsblk --output NAME,TYPE,FSTYPE,SIZE,MOUNTPOINTS
`
