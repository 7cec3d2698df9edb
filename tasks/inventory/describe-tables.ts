import type { Disk, Disks } from '../../src/system/block/schema.ts'
import { type Finding, knownValue } from '../../src/system/finding.ts'
import type { Memory, MemorySlot } from '../../src/system/memory/schema.ts'
import type { Network, NetworkCard } from '../../src/system/network/schema.ts'
import { diskSize, memorySize, table, wrap } from './table.ts'

/** `-` is absent, `?` is unknown. */
function cell<T>(finding: Finding<T>, show: (value: T) => string = String): string {
  if (finding.status === 'known') return show(finding.value)
  return finding.status === 'absent' ? '-' : '?'
}

export function describeMemory(memory: Memory): string[] {
  const { totalBytes, installedBytes, ecc, slots } = memory
  const list = knownValue(slots)
  const full = list?.filter((slot) => knownValue(slot.populated) === true) ?? []
  const empty = list?.filter((slot) => knownValue(slot.populated) === false) ?? []
  const parts = [
    installedBytes.status === 'known'
      ? `${memorySize(installedBytes.value)} installed`
      : 'installed size unknown',
    `${cell(totalBytes, memorySize)} usable`,
    list === undefined ? 'slots unknown' : `${full.length} of ${list.length} slots filled`,
    `ECC ${cell(ecc)}`,
  ]
  const names = empty.map((slot) => cell(slot.locator)).join(', ')
  return [
    parts.join(', '),
    ...(list === undefined ? [] : slotTable(list.filter((slot) => knownValue(slot.populated) !== false))),
    ...(empty.length === 0 ? [] : wrap(`empty: ${names}`, '  ', '    ')),
    ...memory.notes.flatMap((note) => wrap(`note: ${note}`, '  ', '    ')),
  ]
}

function slotTable(slots: readonly MemorySlot[]): string[] {
  if (slots.length === 0) return []
  return table(
    ['SLOT', 'SIZE', 'TYPE', 'MT/S', 'MAKER', 'PART', 'SERIAL'],
    slots.map((slot) => [
      cell(slot.locator),
      cell(slot.sizeBytes, memorySize),
      cell(slot.type),
      cell(slot.configuredSpeedMts.status === 'known' ? slot.configuredSpeedMts : slot.speedMts),
      cell(slot.manufacturer),
      cell(slot.partNumber),
      cell(slot.serial),
    ]),
  )
}

export function describeDisks({ disks, optical, notCounted, driverless, notes }: Disks): string[] {
  const others = [
    ...(optical.length === 0 ? [] : [`${optical.length} optical`]),
    ...Object.entries(notCounted).map(([kind, count]) => `${count} ${kind}`),
  ]
  const hidden = (knownValue(driverless) ?? []).map(
    ({ address }) => `no driver for the storage controller at ${address}`,
  )
  return [
    `${disks.length}${others.length === 0 ? '' : ` (not counted: ${others.join(', ')})`}`,
    ...(disks.length === 0 ? [] : diskTable(disks)),
    ...[...hidden, ...notes].flatMap((note) => wrap(`note: ${note}`, '  ', '    ')),
  ]
}

function diskTable(disks: readonly Disk[]): string[] {
  return table(
    ['NAME', 'BUS', 'SIZE', 'SECTOR', 'KIND', 'SERIAL', 'WWN', 'MODEL'],
    disks.map((disk) => [
      disk.name,
      cell(disk.transport),
      cell(disk.sizeBytes, diskSize),
      sectors(disk),
      cell(disk.rotational, (rotates) => (rotates ? 'hdd' : 'ssd')) +
        (knownValue(disk.readOnly) === true ? ' ro' : ''),
      cell(disk.serial),
      cell(disk.wwn),
      cell(disk.model),
    ]),
  )
}

/** Logical size, and the physical one where it differs. */
function sectors({ logicalSectorBytes, physicalSectorBytes }: Disk): string {
  const [logical, physical] = [cell(logicalSectorBytes), cell(physicalSectorBytes)]
  return logical === physical ? logical : `${logical}/${physical}`
}

export function describeNetwork({ cards, notCounted, driverless }: Network): string[] {
  const { virtual, virtualFunctions } = notCounted
  const functions = virtualFunctions === 0 ? '' : ` and ${virtualFunctions} virtual functions`
  const hidden = (knownValue(driverless) ?? []).map(
    ({ address }) => `no driver for the network controller at ${address}`,
  )
  return [
    `${cards.length} (not counted: ${virtual} virtual${functions})`,
    ...table(['NAME', 'MAC', 'LINK', 'MBIT/S', 'DRIVER', 'PCI', 'FIRMWARE'], cards.map(cardRow)),
    ...hidden.flatMap((note) => wrap(`note: ${note}`, '  ', '    ')),
    ...cards
      .filter(({ bmcLike }) => bmcLike)
      .map(({ name }) => `  note: ${name} is a USB network function, as BMCs give one to their host`),
  ]
}

function cardRow(card: NetworkCard): string[] {
  return [
    card.name,
    cell(card.permanentMac.status === 'known' ? card.permanentMac : card.mac),
    cell(card.link, (up) => (up ? 'up' : 'down')),
    cell(card.speedMbps),
    cell(card.driver),
    cell(card.pciAddress),
    cell(card.firmware),
  ]
}
