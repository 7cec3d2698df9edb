import { readFailure } from '../attribute.ts'
import { type Finding, known, unknown } from '../finding.ts'
import type { MachineRoot } from '../machine-root.ts'
import { BLOCK, type BlockEntry } from './list.ts'
import type { Transport } from './schema.ts'

/** RAID controllers whose volumes look like SCSI disks. */
const RAID_DRIVERS = new Set(['aacraid', 'arcmsr', '3w-9xxx', '3w-sas', 'ips', 'hptiop', 'stex', 'mvumi'])

/** How the disk is attached, from its place in the device tree. */
export async function readTransport(root: MachineRoot, entry: BlockEntry): Promise<Finding<Transport>> {
  const source = `${BLOCK}/${entry.name}`
  try {
    return known(await transportOf(root, entry), source)
  } catch (error) {
    return unknown(readFailure(error), source)
  }
}

async function transportOf(root: MachineRoot, { name, place }: BlockEntry): Promise<Transport> {
  const device = `${BLOCK}/${name}/device`
  if (/^nvme\d/.test(name)) return (await isFabric(root, device)) ? 'nvme-fabrics' : 'nvme'
  if (/^vd[a-z]/.test(name)) return 'virtio'
  if (/^xvd[a-z]/.test(name)) return 'xen'
  if (/^mmcblk\d/.test(name)) return 'mmc'
  if (/^pmem\d/.test(name)) return 'nvdimm'
  if (!/^sd[a-z]/.test(name)) return 'other'
  if (/\/usb\d+\//.test(place)) return 'usb'
  if (/\/session\d+\//.test(place)) return 'iscsi'
  if (/\/rport-\d/.test(place)) return 'fc'
  // Its remote ports are named port-1:1, as the phys of SAS are; a target may pass the vendor ATA on.
  if ((await hostDriver(root, place)) === 'ib_srp') return 'srp'
  const ata = (await root.readText(`${device}/vendor`)) === 'ATA'
  if (/\/ata\d+\//.test(place)) return (await isParallelAta(root, place)) ? 'ata' : 'sata'
  if (await isRaidVolume(root, place)) return 'raid'
  // A SATA drive on a SAS controller keeps the vendor ATA (SAT).
  if (ata) return 'sata'
  return /\/(end_device|expander|port)-\d/.test(place)
    ? 'sas'
    : (await isSasDriver(root, place))
      ? 'sas'
      : 'scsi'
}

/** PCI sub class 01: an IDE controller. */
async function isParallelAta(root: MachineRoot, place: string): Promise<boolean> {
  const pci = place.match(/^.*\/[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7](?=\/)/)?.[0]
  if (pci === undefined) return false
  return (await root.readText(`/sys/${pci.replace(/^(\.\.\/)+/, '')}/class`))?.startsWith('0x0101') ?? false
}

async function isRaidVolume(root: MachineRoot, place: string): Promise<boolean> {
  const driver = await hostDriver(root, place)
  if (driver === undefined) return false
  if (RAID_DRIVERS.has(driver)) return true
  // Physical drives are SAS end devices there, volumes are not.
  if (driver === 'hpsa' || driver === 'smartpqi') return !place.includes('/end_device-')
  const channel = Number(/\/target\d+:(\d+):/.exec(place)?.[1])
  // MEGASAS_MAX_PD_CHANNELS: channels 0 and 1 carry physical drives; mpt3sas has its volumes on RAID_CHANNEL 1.
  if (driver === 'megaraid_sas') return channel >= 2
  return driver === 'mpt3sas' || driver === 'mpt2sas' ? channel === 1 : false
}

async function isSasDriver(root: MachineRoot, place: string): Promise<boolean> {
  return (await hostDriver(root, place)) === 'megaraid_sas'
}

async function hostDriver(root: MachineRoot, place: string): Promise<string | undefined> {
  const host = /\/(host\d+)\//.exec(place)?.[1]
  return host === undefined ? undefined : root.readText(`/sys/class/scsi_host/${host}/proc_name`)
}

/** `transport` of the controller: pcie, tcp, rdma, fc or loop; a multipath namespace hangs on a subsystem of several. */
async function isFabric(root: MachineRoot, device: string): Promise<boolean> {
  let transport = await root.readText(`${device}/transport`)
  if (transport === undefined) {
    const controller = (await root.list(device))?.find((name) => /^nvme\d+$/.test(name))
    if (controller !== undefined) transport = await root.readText(`${device}/${controller}/transport`)
  }
  return transport !== undefined && transport !== 'pcie'
}
