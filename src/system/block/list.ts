import { readEntries, readFailure } from '../attribute.ts'
import { type Finding, known, unknown } from '../finding.ts'
import type { MachineRoot } from '../machine-root.ts'

export const BLOCK = '/sys/block'

export interface BlockEntry {
  name: string
  /** Where sysfs has the device: `../devices/pci0000:00/…/block/sda`. */
  place: string
}

export interface BlockList {
  disks: BlockEntry[]
  optical: BlockEntry[]
  /** loop, ram, zram, md, device-mapper, floppy, boot areas, paths of a multipath namespace: how many of each. */
  notCounted: Record<string, number>
}

/** Sorts the kernel's block devices: real disks, optical drives, and what is no disk of its own. */
export async function listBlockDevices(root: MachineRoot): Promise<Finding<BlockList>> {
  const names = await readEntries(root, BLOCK)
  if (names.status !== 'known') return names
  const list: BlockList = { disks: [], optical: [], notCounted: {} }
  try {
    for (const name of names.value) {
      const entry = { name, place: (await root.readLink(`${BLOCK}/${name}`)) ?? '' }
      const kind = await kindOf(root, entry)
      if (kind === 'disk') list.disks.push(entry)
      else if (kind === 'optical') list.optical.push(entry)
      else list.notCounted[kind] = (list.notCounted[kind] ?? 0) + 1
    }
  } catch (error) {
    return unknown(readFailure(error), BLOCK)
  }
  list.disks.sort((a, b) => a.name.length - b.name.length || (a.name < b.name ? -1 : 1))
  return known(list, BLOCK)
}

async function kindOf(root: MachineRoot, { name, place }: BlockEntry): Promise<string> {
  if (/^sr\d+$/.test(name)) return 'optical'
  if (/^fd\d+$/.test(name)) return 'floppy'
  if (/^mmcblk\d+(boot\d+|rpmb|gp\d+)$/.test(name)) return 'eMMC boot area'
  // One path of an NVMe namespace that the kernel's own multipath joins: nvme0c1n1 beside nvme0n1.
  if (/^nvme\d+c\d+n\d+$/.test(name)) return 'NVMe path'
  if ((await root.readText(`${BLOCK}/${name}/hidden`).catch(() => '0')) === '1') return 'hidden'
  const joined = place.includes('/nvme-subsystem/')
  if (joined || (await root.exists(`${BLOCK}/${name}/device`))) return 'disk'
  return /^[a-z]+(?=-?\d)/.exec(name)?.[0] ?? name
}
