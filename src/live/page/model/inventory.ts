import type { Disks } from '../../../system/block/schema.ts'
import type { Cpu } from '../../../system/cpu/schema.ts'
import type { Finding } from '../../../system/finding.ts'
import type { Memory } from '../../../system/memory/schema.ts'
import type { Network } from '../../../system/network/schema.ts'
import type { Bios, System } from '../../../system/smbios/schema.ts'
import { amount, count, memorySize } from './units.ts'

// Not the one of finding.ts, which would bring its schemas along.
const knownValue = <T>(finding: Finding<T>) => (finding.status === 'known' ? finding.value : undefined)

/** What an inventory document (`speediso.inventory/1`) holds that is shown here. */
export interface InventoryDocument {
  schema: 'speediso.inventory/1'
  sections: {
    system?: Finding<System>
    bios?: Finding<Bios>
    cpu?: Finding<Cpu>
    memory?: Finding<Memory>
    disks?: Finding<Disks>
    network?: Finding<Network>
  }
  missing: readonly { section: string; what: string; reason: string }[]
}

export interface SummaryRow {
  readonly label: string
  readonly lines: readonly string[]
}

export function isInventory(document: unknown): document is InventoryDocument {
  const { schema, sections } = (document ?? {}) as Partial<InventoryDocument>
  return schema === 'speediso.inventory/1' && typeof sections === 'object'
}

/** Lines of one label; what is more is counted. */
const LINES = 8

/** An inventory in a few lines; a section that was not asked for is left out. */
export function summarize({ sections, missing }: InventoryDocument): SummaryRow[] {
  const { system, bios, cpu, memory, disks, network } = sections
  const rows = [
    row('System', system, (value) => [
      join([`${or(value.manufacturer)} ${or(value.product)}`, labelled('serial', value.serial)]),
    ]),
    row('Firmware', bios, (value) => [
      join([`${or(value.vendor)} ${or(value.version)}`, labelled('', value.date)]),
    ]),
    row('Processor', cpu, (value) => [
      join([
        `${or(value.packages)} × ${or(value.model)}`,
        labelled('', value.cores, 'cores'),
        labelled('', value.threads, 'threads'),
      ]),
    ]),
    row('Memory', memory, describeMemory),
    row('Disks', disks, describeDisks),
    row('Network', network, describeNetwork),
  ].filter((each) => each !== undefined)
  const unknowns = missing.map(({ section, what, reason }) =>
    what === section ? `${section}: ${reason}` : `${section}, ${what}: ${reason}`,
  )
  return unknowns.length === 0 ? rows : [...rows, { label: 'Unknown', lines: atMost(unknowns) }]
}

function row<T>(
  label: string,
  finding: Finding<T> | undefined,
  describe: (value: T) => string[],
): SummaryRow | undefined {
  if (finding === undefined) return undefined
  if (finding.status === 'known') return { label, lines: atMost(describe(finding.value)) }
  return { label, lines: [`${finding.status === 'absent' ? 'none' : 'unknown'}: ${finding.reason}`] }
}

function describeMemory({ installedBytes, totalBytes, slots, ecc }: Memory): string[] {
  const all = knownValue(slots)
  const full = all?.filter(({ populated }) => knownValue(populated) === true)
  const size = knownValue(installedBytes) ?? knownValue(totalBytes)
  return [
    join([
      size === undefined
        ? 'size unknown'
        : `${memorySize(size)} ${installedBytes.status === 'known' ? 'installed' : 'usable'}`,
      all === undefined ? '' : `${full?.length} of ${count(all.length, 'slot')} filled`,
      ecc.status === 'known' ? `ECC ${ecc.value}` : '',
    ]),
  ]
}

/** Disks of one make and size in one line. */
function describeDisks({ disks }: Disks): string[] {
  if (disks.length === 0) return ['none']
  const kinds = Map.groupBy(disks, ({ model, sizeBytes, transport }) => {
    const size = knownValue(sizeBytes)
    return join([
      knownValue(model) ?? 'model unknown',
      size === undefined ? 'size unknown' : amount(size, 'bytes'),
      knownValue(transport) ?? '',
    ])
  })
  return [...kinds].map(
    ([kind, same]) => `${same.length} × ${kind} (${same.map(({ name }) => name).join(', ')})`,
  )
}

function describeNetwork({ cards }: Network): string[] {
  if (cards.length === 0) return ['none']
  return cards.map(({ name, mac, permanentMac, link, speedMbps, bmcLike }) => {
    const speed = knownValue(speedMbps)
    const up = knownValue(link)
    return join([
      `${name} ${knownValue(permanentMac) ?? knownValue(mac) ?? 'MAC unknown'}`,
      up === undefined ? 'link unknown' : up ? 'link up' : 'no link',
      up !== true || speed === undefined ? '' : speed >= 1000 ? `${speed / 1000} Gbit/s` : `${speed} Mbit/s`,
      bmcLike ? 'of the BMC' : '',
    ])
  })
}

const or = (finding: Finding<string | number>) => knownValue(finding) ?? '?'

function labelled(label: string, finding: Finding<string | number>, unit = ''): string {
  const value = knownValue(finding)
  return value === undefined ? '' : `${label} ${value} ${unit}`.trim()
}

function join(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(', ')
}

function atMost(lines: string[]): string[] {
  return lines.length <= LINES ? lines : [...lines.slice(0, LINES), `and ${lines.length - LINES} more`]
}
