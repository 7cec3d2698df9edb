import { knownValue } from '../finding.ts'
import type { MachineRoot } from '../machine-root.ts'
import type { Disk } from './schema.ts'

/** What a reader of the list has to know to count right. */
export function notesOf(disks: readonly Disk[]): string[] {
  const notes: string[] = []
  const volumes = disks.filter((disk) => knownValue(disk.transport) === 'raid')
  if (volumes.length > 0) {
    notes.push(
      `${names(volumes)}: RAID volumes; the physical disks behind the controller are not listed, and the serials are the volumes'`,
    )
  }
  const remote = disks.filter((disk) =>
    ['iscsi', 'fc', 'nvme-fabrics', 'srp'].includes(knownValue(disk.transport) ?? ''),
  )
  if (remote.length > 0) notes.push(`${names(remote)}: reached over a network, not part of this machine`)
  const known = disks.filter((disk) => disk.serial.status === 'known')
  for (const [serial, same] of Map.groupBy(known, identityOf)) {
    if (same.length > 1) {
      notes.push(
        `${names(same)}: the same serial ${serial}; paths to one disk, or a controller that repeats itself`,
      )
    }
  }
  return notes
}

/** NVMe controllers that give no namespace: a dead drive, or one whose namespaces are not attached. */
export async function noteEmptyControllers(root: MachineRoot): Promise<string[]> {
  const dir = '/sys/class/nvme'
  const notes: string[] = []
  for (const name of (await root.list(dir).catch(() => undefined)) ?? []) {
    const entries = (await root.list(`${dir}/${name}`).catch(() => undefined)) ?? []
    if (entries.some((entry) => /^nvme\d+(c\d+)?n\d+$/.test(entry))) continue
    const state = await root.readText(`${dir}/${name}/state`).catch(() => undefined)
    notes.push(`${name}: an NVMe controller that gives no namespace, state ${state ?? 'not readable'}`)
  }
  return notes
}

/** Namespaces of one NVMe controller share its serial: the WWN or the number tells them apart. */
function identityOf(disk: Disk): string {
  const serial = knownValue(disk.serial) ?? ''
  const namespace = /^nvme\d+(n\d+)$/.exec(disk.name)?.[1]
  return namespace === undefined ? serial : `${serial} ${knownValue(disk.wwn) ?? namespace}`
}

function names(disks: readonly Disk[]): string {
  return disks.map(({ name }) => name).join(', ')
}
