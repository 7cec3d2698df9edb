import { basename } from 'node:path'
import { readEntries, readFailure, readLine, readNumber, readTarget } from '../attribute.ts'
import { absent, type Finding, known, knownValue, unknown } from '../finding.ts'
import type { MachineRoot } from '../machine-root.ts'
import { createPciNames, type PciNames } from './ids.ts'
import type { Pci, PciDevice, PciLink } from './schema.ts'

export const PCI_DEVICES = '/sys/bus/pci/devices'

/** Every function on the PCI buses. */
export async function readPci(root: MachineRoot): Promise<Finding<Pci>> {
  const addresses = await readEntries(root, PCI_DEVICES)
  if (addresses.status !== 'known') return addresses
  if (addresses.value.length === 0) return absent('the kernel sees no PCI device', PCI_DEVICES)
  const names = await createPciNames(root)
  const pci: Pci = { devices: [], unreadable: [] }
  for (const address of addresses.value) {
    const device = await readPciDevice(root, address, names)
    if (device.status === 'known') pci.devices.push(device.value)
    else pci.unreadable.push({ address, reason: device.reason })
  }
  if (pci.devices.length === 0)
    return unknown(`no PCI device can be read: ${pci.unreadable[0]?.reason}`, PCI_DEVICES)
  return known(pci, PCI_DEVICES)
}

export interface DriverlessDevice {
  address: string
  class: string
}

/** Functions of these base classes (two hexadecimal digits) that no driver drives: what they carry is not seen. */
export async function readDriverless(
  root: MachineRoot,
  baseClass: string,
): Promise<Finding<DriverlessDevice[]>> {
  const addresses = await readEntries(root, PCI_DEVICES)
  if (addresses.status !== 'known') return addresses
  const found: DriverlessDevice[] = []
  for (const address of addresses.value) {
    const code = await readHex(root, `${PCI_DEVICES}/${address}/class`, 6)
    if (code.status !== 'known') return unknown(`class of ${address}: ${code.reason}`, PCI_DEVICES)
    if (!code.value.startsWith(baseClass)) continue
    const driver = await readDriver(root, address)
    if (driver.status === 'absent') found.push({ address, class: code.value })
    if (driver.status === 'unknown') return driver
  }
  return known(found, PCI_DEVICES)
}

async function readPciDevice(
  root: MachineRoot,
  address: string,
  names: PciNames,
): Promise<Finding<PciDevice>> {
  const dir = `${PCI_DEVICES}/${address}`
  const code = await readHex(root, `${dir}/class`, 6)
  const vendor = await readHex(root, `${dir}/vendor`, 4)
  const device = await readHex(root, `${dir}/device`, 4)
  for (const part of [code, vendor, device]) if (part.status !== 'known') return part
  const ids = [code, vendor, device].map((part) => knownValue(part) ?? '') as [string, string, string]
  const subsystemVendor = knownValue(await readHex(root, `${dir}/subsystem_vendor`, 4))
  const subsystemDevice = knownValue(await readHex(root, `${dir}/subsystem_device`, 4))
  return known(
    {
      address,
      class: ids[0],
      vendorId: ids[1],
      deviceId: ids[2],
      // Both 0: a bridge, or a device whose maker has set none.
      subsystemVendorId: subsystemVendor === '0000' ? null : (subsystemVendor ?? null),
      subsystemDeviceId: subsystemVendor === '0000' ? null : (subsystemDevice ?? null),
      names: names(...ids),
      driver: await readDriver(root, address),
      link: await readLink(root, dir),
      numaNode: await readNumaNode(root, dir),
    },
    dir,
  )
}

async function readDriver(root: MachineRoot, address: string): Promise<Finding<string>> {
  const path = `${PCI_DEVICES}/${address}/driver`
  try {
    const target = await root.readLink(path)
    return target === undefined ? absent('no driver is bound to it', path) : known(basename(target), path)
  } catch (error) {
    return unknown(readFailure(error), path)
  }
}

/** Absent when the kernel offers no link attributes: conventional PCI, or part of the root complex. */
async function readLink(root: MachineRoot, dir: string): Promise<Finding<PciLink>> {
  const path = `${dir}/current_link_speed`
  if (!(await root.exists(path).catch(() => true))) return absent('no PCI Express link', path)
  const speed = await readSpeed(root, path)
  const maxSpeed = await readSpeed(root, `${dir}/max_link_speed`)
  const width = await readNumber(root, `${dir}/current_link_width`)
  const maxWidth = await readNumber(root, `${dir}/max_link_width`)
  const parts = [speed, maxSpeed, width, maxWidth]
  for (const part of parts) if (part.status !== 'known') return part
  const [s = 0, ms = 0, w = 0, mw = 0] = parts.map((part) => knownValue(part))
  if (w === 0 || mw === 0)
    return absent('the PCI Express link is down or internal', `${dir}/current_link_width`)
  return known(
    { speed: s, maxSpeed: ms, width: w, maxWidth: mw, belowMaximum: s < ms || w < mw },
    `${dir}/*_link_*`,
  )
}

/** `8.0 GT/s PCIe` in GT/s. */
async function readSpeed(root: MachineRoot, path: string): Promise<Finding<number>> {
  const text = await readLine(root, path)
  if (text.status !== 'known') return text
  const speed = /^(\d+(?:\.\d+)?) GT\/s/.exec(text.value)?.[1]
  if (speed === undefined) return { ...unknown(`${path} says "${text.value}"`, path), raw: text.value }
  return known(Number(speed), path)
}

/** Of a device's directory in sysfs. The kernel writes -1 on a machine that has no NUMA, or whose firmware does not say. */
export async function readNumaNode(root: MachineRoot, device: string): Promise<Finding<number>> {
  const path = `${device}/numa_node`
  const node = await readNumber(root, path, -1)
  return node.status === 'known' && node.value === -1 ? absent('no NUMA node is assigned', path) : node
}

async function readHex(root: MachineRoot, path: string, digits: number): Promise<Finding<string>> {
  const line = await readLine(root, path)
  if (line.status !== 'known') return line
  const hex = /^0x([0-9a-f]+)$/.exec(line.value)?.[1]
  return hex?.length === digits
    ? known(hex, path)
    : { ...unknown(`${path} says "${line.value}"`, path), raw: line.value }
}

/** The PCI function that a device path of sysfs goes through last: the card or controller itself. */
export function pciAddressOf(sysfsPath: string): string | undefined {
  return sysfsPath.match(/\b[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7](?=\/|$)/g)?.at(-1)
}

/** What a `device` or class link in sysfs says about PCI. */
export async function readPciAddress(root: MachineRoot, link: string): Promise<Finding<string>> {
  const target = await readTarget(root, link)
  if (target.status !== 'known') return target
  const address = pciAddressOf(target.value)
  return address === undefined ? absent('not on a PCI bus', link) : known(address, link)
}
