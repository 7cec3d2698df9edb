import { InputError } from '../../../src/errors.ts'
import { option } from './option.ts'
import type { Disk, DiskKind } from './spec.ts'

/** What each kind of disk can be given; the lengths are those of the ATA, NVMe and virtio serial number fields. */
const ABILITIES: Readonly<
  Record<DiskKind, { serial: number; wwn: boolean; sectors: boolean; spins: boolean }>
> = {
  nvme: { serial: 20, wwn: true, sectors: true, spins: false },
  sata: { serial: 20, wwn: true, sectors: false, spins: true },
  scsi: { serial: 36, wwn: true, sectors: true, spins: true },
  virtio: { serial: 20, wwn: false, sectors: true, spins: false },
}

/** The chipset's own AHCI controller has this many ports. */
const SATA_PORTS = 6

/**
 * QEMU's arguments for the disks, `files[i]` being the image of `disks[i]`.
 * @throws InputError for what such a disk cannot be
 */
export function diskArguments(disks: readonly Disk[], files: readonly string[]): string[] {
  const args = disks.some(({ kind }) => kind === 'scsi') ? ['-device', 'virtio-scsi-pci,id=scsi'] : []
  let sataPort = 0
  for (const [index, disk] of disks.entries()) {
    check(disk)
    const file = files[index]
    if (file === undefined) throw new InputError(`disk ${disk.serial}: there is no file for it`)
    if (disk.kind === 'sata' && sataPort === SATA_PORTS) {
      throw new InputError(`disk ${disk.serial}: there are ${SATA_PORTS} SATA ports and no more`)
    }
    const place = disk.kind === 'sata' ? sataPort++ : index
    args.push('-blockdev', backend(file, index), ...device(disk, `disk${index}`, place))
  }
  return args
}

// Flushes need not reach the real disk: these images do not outlive a crash of it. Discards do, so that wiping shows.
function backend(file: string, index: number): string {
  return option('driver=raw', {
    'node-name': `disk${index}`,
    discard: 'unmap',
    'cache.no-flush': 'on',
    'file.driver': 'file',
    'file.filename': file,
  })
}

function device(disk: Disk, drive: string, place: number): string[] {
  const sectors = { logical_block_size: disk.logicalSectorSize, physical_block_size: disk.physicalSectorSize }
  const { serial } = disk
  const wwn = disk.wwn === undefined ? undefined : `0x${disk.wwn}`
  // 1 is how a disk says that it does not rotate (SBC-4 6.5.2, ACS-3 A.10.4).
  const spin = { rotation_rate: disk.rotational ? 7200 : 1 }
  switch (disk.kind) {
    case 'nvme':
      return [
        ...['-device', option('nvme', { id: `nvme${place}`, serial })],
        ...['-device', option('nvme-ns', { bus: `nvme${place}`, drive, eui64: wwn, ...sectors })],
      ]
    case 'sata':
      return ['-device', option('ide-hd', { bus: `ide.${place}`, drive, serial, wwn, ...spin })]
    case 'scsi':
      return ['-device', option('scsi-hd', { bus: 'scsi.0', drive, serial, wwn, ...spin, ...sectors })]
    case 'virtio':
      return ['-device', option('virtio-blk-pci', { drive, serial, ...sectors })]
  }
}

function check({ kind, serial, wwn, logicalSectorSize, physicalSectorSize, rotational }: Disk): void {
  const can = ABILITIES[kind]
  const refuse = (why: string) => new InputError(`disk ${serial}: ${why}`)
  if (!/^[\x21-\x7e]+$/.test(serial) || serial.length > can.serial) {
    throw refuse(`the serial number of a ${kind} disk has 1 to ${can.serial} visible ASCII characters`)
  }
  if (wwn !== undefined && !can.wwn) throw refuse(`a ${kind} disk has no WWN`)
  if (wwn !== undefined && !/^[0-9a-f]{16}$/.test(wwn))
    throw refuse(`wwn is 16 lower-case hexadecimal digits`)
  if (!can.sectors && (logicalSectorSize ?? physicalSectorSize) !== undefined) {
    throw refuse(`the sector sizes of a ${kind} disk cannot be chosen`)
  }
  if (rotational && !can.spins) throw refuse(`a ${kind} disk does not rotate`)
}
