import { ReadError } from '../../errors.ts'
import { readAttribute, readFailure, readFlag, readNumber } from '../attribute.ts'
import type { Exec } from '../exec.ts'
import {
  absent,
  type Disagreement,
  type Finding,
  firstKnown,
  known,
  knownValue,
  unknown,
} from '../finding.ts'
import type { MachineRoot } from '../machine-root.ts'
import { mapLimit } from '../map-limit.ts'
import { pciAddressOf, readDriverless } from '../pci/devices.ts'
import { statedText } from '../placeholder.ts'
import {
  type DriveSources,
  openDrive,
  readByPath,
  readFirmware,
  readModel,
  readSerial,
  readVendor,
  readWwn,
} from './drive.ts'
import { BLOCK, type BlockEntry, listBlockDevices } from './list.ts'
import { noteEmptyControllers, notesOf } from './notes.ts'
import { readHolders, readPartitions, readSize } from './partitions.ts'
import type { Disk, Disks } from './schema.ts'
import { readSmartIdentity } from './smartctl.ts'
import { readTransport } from './transport.ts'

/** PCI base class of mass storage controllers. */
const STORAGE_CLASS = '01'

/** Disks that are looked at beside each other. */
const AT_ONCE = 8

/** Every real disk that the kernel has; a disk is read only through sysfs, udev's record and, at need, smartctl. */
export async function readDisks(
  root: MachineRoot,
  exec: Exec,
  signal?: AbortSignal,
): Promise<Finding<Disks>> {
  const list = await listBlockDevices(root)
  if (list.status !== 'known') return list
  const { disks: entries, optical: drives, notCounted } = list.value
  const driverless = await readDriverless(root, STORAGE_CLASS)
  const hidden = knownValue(driverless) ?? []
  if (entries.length === 0 && hidden.length > 0) {
    const where = hidden.map(({ address }) => address).join(', ')
    return unknown(
      `no disk seen, and no driver for the storage controller at ${where}`,
      BLOCK,
      ...driverless.sources,
    )
  }
  if (entries.length === 0 && drives.length === 0) {
    const others = Object.entries(notCounted).map(([kind, count]) => `${count} ${kind}`)
    return absent(`no disk${others.length === 0 ? '' : `; not counted: ${others.join(', ')}`}`, BLOCK)
  }
  const disagreements: Disagreement[] = []
  const disks = await mapLimit(entries, AT_ONCE, (entry) =>
    readDisk(root, exec, entry, disagreements, signal),
  )
  const optical = await mapLimit(drives, AT_ONCE, async ({ name }) => ({
    name,
    model: await readAttribute(root, `${BLOCK}/${name}/device/model`, 'model'),
  }))
  return known(
    {
      disks,
      optical,
      notCounted,
      driverless,
      notes: [...notesOf(disks), ...(await noteEmptyControllers(root))],
      disagreements,
    },
    BLOCK,
  )
}

/** One disk, read anew; undefined: there is none of this name. @throws ReadError when the kernel's list cannot be read */
export async function readNamedDisk(
  root: MachineRoot,
  exec: Exec,
  name: string,
  signal?: AbortSignal,
): Promise<Disk | undefined> {
  const list = await listBlockDevices(root)
  if (list.status !== 'known') throw new ReadError(`the disks cannot be listed: ${list.reason}`)
  const entry = list.value.disks.find((each) => each.name === name)
  return entry === undefined ? undefined : readDisk(root, exec, entry, [], signal)
}

async function readDisk(
  root: MachineRoot,
  exec: Exec,
  entry: BlockEntry,
  disagreements: Disagreement[],
  signal: AbortSignal | undefined,
): Promise<Disk> {
  const { name, place } = entry
  const dir = `${BLOCK}/${name}`
  const transport = await readTransport(root, entry)
  const drive = await openDrive(root, entry, knownValue(transport))
  const sizeBytes = await readSize(root, dir)
  const disk: Disk = {
    name,
    // The kernel writes ! for / in names such as cciss!c0d0.
    path: `/dev/${name.replaceAll('!', '/')}`,
    transport,
    vendor: await readVendor(drive),
    model: await readModel(drive),
    serial: await readSerial(drive, disagreements),
    wwn: await readWwn(drive),
    firmware: await readFirmware(drive),
    sizeBytes,
    logicalSectorBytes: await readNumber(root, `${dir}/queue/logical_block_size`, 1),
    physicalSectorBytes: await readNumber(root, `${dir}/queue/physical_block_size`, 1),
    rotational: await readFlag(root, `${dir}/queue/rotational`),
    readOnly: await readFlag(root, `${dir}/ro`),
    removable: await readFlag(root, `${dir}/removable`),
    pciAddress: await readController(drive, place),
    byPath: readByPath(drive),
    partitions: await readPartitions(root, name),
    holders: await readHolders(root, dir),
  }
  return (await needsSmart(disk)) ? askDrive(exec, disk, signal) : disk
}

/** A drive is asked by program only when no file says its serial. */
async function needsSmart({ name, serial, sizeBytes }: Disk): Promise<boolean> {
  return serial.status !== 'known' && /^(sd|nvme)/.test(name) && knownValue(sizeBytes) !== 0
}

async function askDrive(exec: Exec, disk: Disk, signal: AbortSignal | undefined): Promise<Disk> {
  const smart = await readSmartIdentity(exec, disk.path, signal)
  if (smart.status !== 'known') {
    return { ...disk, serial: firstKnown<string>([disk.serial, smart as Finding<never>]) }
  }
  const [source = ''] = smart.sources
  const { serial, model, firmware } = smart.value
  return {
    ...disk,
    serial: firstKnown([disk.serial, statedText(serial, 'serial', source)]),
    model: firstKnown([disk.model, statedText(model, 'model', source)]),
    firmware: firstKnown([disk.firmware, statedText(firmware, 'firmware version', source)]),
  }
}

/** A multipath NVMe namespace hangs on a subsystem; its controllers have the addresses. */
async function readController(drive: DriveSources, place: string): Promise<Finding<string>> {
  const source = `${BLOCK}/${drive.name}`
  const direct = pciAddressOf(place)
  if (direct !== undefined) return known(direct, source)
  if (!drive.name.startsWith('nvme')) return absent('not on a PCI bus', source)
  try {
    const names = (await drive.root.list(drive.dir))?.filter((name) => /^nvme\d+$/.test(name)) ?? []
    const addresses: string[] = []
    for (const name of names) {
      const address = await drive.root.readText(`${drive.dir}/${name}/address`)
      if (address !== undefined && pciAddressOf(address) !== undefined) addresses.push(address)
    }
    return addresses.length === 0
      ? unknown('no PCI controller named', source)
      : known(addresses.join(', '), `${drive.dir}/nvme*/address`)
  } catch (error) {
    return unknown(readFailure(error), source)
  }
}
