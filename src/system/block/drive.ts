import { readAttribute, readFailure } from '../attribute.ts'
import { absent, type Disagreement, type Finding, firstKnown, unknown } from '../finding.ts'
import type { MachineRoot } from '../machine-root.ts'
import { statedText } from '../placeholder.ts'
import { BLOCK, type BlockEntry } from './list.ts'
import type { Transport } from './schema.ts'
import { decodeUdev, readUdev, type UdevRecord } from './udev.ts'
import { type AtaIdentity, identityFromPage89, serialFromPage80, wwnFromPage83 } from './vpd.ts'

/** Everything in the file system that says which drive this is. */
export interface DriveSources {
  root: MachineRoot
  name: string
  transport: Transport | undefined
  /** The SCSI layer's device directory, or the NVMe controller's or subsystem's. */
  dir: string
  page80: Finding<string>
  page83: Finding<string>
  ata: AtaIdentity | undefined
  udev: UdevRecord | undefined
  /** The serial of the USB device that the disk hangs on: the bridge's, often the drive's. */
  usbSerial: Finding<string> | undefined
}

export async function openDrive(
  root: MachineRoot,
  { name, place }: BlockEntry,
  transport: Transport | undefined,
): Promise<DriveSources> {
  const dir = `${BLOCK}/${name}/device`
  const device = (await root.readText(`${BLOCK}/${name}/dev`).catch(() => undefined)) ?? ''
  const usb = /^(?:\.\.\/)*(.*\/usb\d+\/.*?)\/\d+-[\d.]+:\d+\.\d+\//.exec(place)?.[1]
  return {
    root,
    name,
    transport,
    dir,
    page80: await readPage(root, `${dir}/vpd_pg80`, 'serial', serialFromPage80),
    page83: await readPage(root, `${dir}/vpd_pg83`, 'WWN', wwnFromPage83),
    ata: await root.readBytes(`${dir}/vpd_pg89`).then(
      (page) => page && identityFromPage89(page),
      () => undefined,
    ),
    udev: await readUdev(root, device),
    usbSerial: usb === undefined ? undefined : await readAttribute(root, `/sys/${usb}/serial`, 'serial'),
  }
}

async function readPage(
  root: MachineRoot,
  path: string,
  what: string,
  parse: (page: Buffer) => string | undefined,
): Promise<Finding<string>> {
  try {
    const page = await root.readBytes(path)
    if (page === undefined) return unknown(`no ${path}`, path)
    const value = parse(page)
    return value === undefined ? unknown(`${path} holds no ${what}`, path) : statedText(value, what, path)
  } catch (error) {
    return unknown(readFailure(error), path)
  }
}

export function isScsi(name: string): boolean {
  return name.startsWith('sd')
}

function property({ udev }: DriveSources, name: string): Finding<string> {
  if (udev === undefined) return unknown('no udev record')
  const value = udev.properties.get(name)
  return statedText(value === undefined ? undefined : decodeUdev(value), name, `${udev.source} ${name}`)
}

/** The serial number. Sources that contradict each other are noted; the one nearest to the drive wins. */
export async function readSerial(
  drive: DriveSources,
  disagreements: Disagreement[],
): Promise<Finding<string>> {
  const candidates = await serialCandidates(drive)
  const taken = firstKnown(candidates)
  if (taken.status !== 'known') return taken
  for (const other of candidates) {
    if (other.status !== 'known' || plain(other.value) === plain(taken.value)) continue
    disagreements.push({
      what: `serial of ${drive.name}`,
      taken: { source: taken.sources.join(', '), value: taken.value },
      other: { source: other.sources.join(', '), value: other.value },
    })
  }
  return taken
}

async function serialCandidates(drive: DriveSources): Promise<Finding<string>[]> {
  const { root, name, dir, page80, ata, usbSerial } = drive
  if (name.startsWith('vd')) {
    return [await readAttribute(root, `${BLOCK}/${name}/serial`, 'serial'), property(drive, 'ID_SERIAL')]
  }
  if (!isScsi(name)) {
    return [await readAttribute(root, `${dir}/serial`, 'serial'), property(drive, 'ID_SERIAL_SHORT')]
  }
  const page89 = statedText(ata?.serial, 'serial', `${dir}/vpd_pg89`)
  const drives = [page80, page89, udevScsiSerial(drive)]
  // The USB bridge's serial is asked only when the drive itself says nothing: theirs may rightly differ.
  if (usbSerial === undefined || drives.some((serial) => serial.status === 'known')) return drives
  return [...drives, usbSerial]
}

/** For a SCSI disk with a WWN, udev's ID_SERIAL_SHORT is that WWN. */
function udevScsiSerial(drive: DriveSources): Finding<string> {
  const scsi = property(drive, 'ID_SCSI_SERIAL')
  if (scsi.status === 'known') return scsi
  const short = property(drive, 'ID_SERIAL_SHORT')
  if (short.status !== 'known') return short
  const wwn =
    drive.udev?.properties.get('ID_WWN_WITH_EXTENSION') ?? drive.udev?.properties.get('ID_WWN') ?? ''
  const bus = drive.udev?.properties.get('ID_BUS')
  if (bus === 'scsi' && wwn.replace('0x', '') === short.value.replace('0x', '')) {
    return unknown('udev has the WWN as serial', ...short.sources)
  }
  return short
}

/** udev puts underscores where the drive has spaces. */
function plain(serial: string): string {
  return serial.replaceAll(/[\s_]+/g, '')
}

/** World Wide Name of the disk, or the NVMe namespace's EUI-64, NGUID or UUID. */
export async function readWwn(drive: DriveSources): Promise<Finding<string>> {
  const { root, name, dir, page83 } = drive
  if (name.startsWith('nvme')) {
    const path = `${BLOCK}/${name}/wwid`
    const wwid = await readAttribute(root, path, 'WWN')
    // Without an identifier of the namespace the kernel puts one together from vendor, serial and model.
    if (wwid.status === 'known' && wwid.value.startsWith('nvme.')) {
      return absent('the kernel knows no EUI-64, NGUID or UUID of the namespace', path)
    }
    return wwid
  }
  if (!isScsi(name)) return absent(`${drive.transport ?? 'this kind of'} disks have no WWN`, BLOCK)
  const path = `${dir}/wwid`
  const wwid = await readAttribute(root, path, 'WWN')
  const naa = wwid.status === 'known' ? /^naa\.([0-9a-f]+)$/.exec(wwid.value)?.[1] : undefined
  const found = firstKnown<string>([
    page83,
    naa === undefined
      ? unknown(`no NAA in ${path}`, path)
      : { status: 'known', value: `0x${naa}`, sources: [path] },
    property(drive, 'ID_WWN_WITH_EXTENSION'),
    property(drive, 'ID_WWN'),
  ])
  const read = page83.status === 'unknown' && page83.reason.endsWith('holds no WWN')
  return found.status === 'unknown' && read ? absent('the drive states no WWN', ...found.sources) : found
}

export async function readModel(drive: DriveSources): Promise<Finding<string>> {
  const { root, name, dir, ata } = drive
  if (name.startsWith('vd')) return absent('virtio disks have no model', BLOCK)
  if (name.startsWith('mmc')) return readAttribute(root, `${dir}/name`, 'model')
  const own = await readAttribute(root, `${dir}/model`, 'model')
  if (!isScsi(name)) return own
  // The SCSI layer has room for 16 characters, ATA models have up to 40.
  const full = statedText(ata?.model, 'model', `${dir}/vpd_pg89`)
  const udev = drive.udev?.properties.has('ID_ATA')
    ? property(drive, 'ID_MODEL_ENC')
    : unknown('not an ATA drive')
  return firstKnown<string>([full, udev, own])
}

export async function readFirmware(drive: DriveSources): Promise<Finding<string>> {
  const { root, name, dir, ata } = drive
  if (name.startsWith('vd')) return absent('virtio disks have no firmware', BLOCK)
  if (name.startsWith('nvme')) return readAttribute(root, `${dir}/firmware_rev`, 'firmware version')
  if (!isScsi(name)) return readAttribute(root, `${dir}/fwrev`, 'firmware version')
  // The SCSI layer has room for 4 characters, ATA versions have up to 8.
  const full = statedText(ata?.firmware, 'firmware version', `${dir}/vpd_pg89`)
  const udev = drive.udev?.properties.has('ID_ATA')
    ? property(drive, 'ID_REVISION')
    : unknown('not an ATA drive')
  return firstKnown<string>([full, udev, await readAttribute(root, `${dir}/rev`, 'firmware version')])
}

export async function readVendor(drive: DriveSources): Promise<Finding<string>> {
  if (!isScsi(drive.name)) return absent('only SCSI disks state a vendor', BLOCK)
  const vendor = await readAttribute(drive.root, `${drive.dir}/vendor`, 'vendor')
  return vendor.status === 'known' && vendor.value === 'ATA'
    ? absent('ATA drives state no vendor', BLOCK)
    : vendor
}

export function readByPath(drive: DriveSources): Finding<string> {
  return property(drive, 'ID_PATH')
}
