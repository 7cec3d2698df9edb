import { type Finding, knownValue } from '../../src/system/finding.ts'
import { describeDisks, describeMemory, describeNetwork } from './describe-tables.ts'
import type { Inventory, Sections } from './schema.ts'
import { ascii, memorySize, wrap } from './table.ts'
import { unknownsIn } from './walk.ts'

type Lines = { readonly [Name in keyof Sections]-?: (value: ValueOf<Name>) => string[] }
type ValueOf<Name extends keyof Sections> = Extract<NonNullable<Sections[Name]>, { status: 'known' }>['value']

/** PCI base class of bridges: a port may well do more than the card in it. */
const BRIDGE = '06'

/** Columns before a section's first line. */
const INDENT = 9

const LABELS: Record<keyof Sections, string> = {
  system: 'System',
  bios: 'BIOS',
  board: 'Board',
  chassis: 'Chassis',
  boot: 'Boot',
  bmc: 'BMC',
  cpu: 'CPU',
  memory: 'Memory',
  disks: 'Disks',
  network: 'Network',
  pci: 'PCI',
  filesystems: 'Mounted',
}

/** The inventory for people: plain ASCII, at most 100 columns, unknown values and their reasons last. */
export function describeInventory(inventory: Inventory): string[] {
  const lines: string[] = []
  for (const [name, label] of Object.entries(LABELS) as [keyof Sections, string][]) {
    const finding = inventory.sections[name]
    if (finding !== undefined) lines.push(...describeSection(name, label, finding as Finding<never>))
  }
  if (inventory.disagreements.length > 0) lines.push('', 'Sources that disagree (the first was taken)')
  for (const { what, taken, other } of inventory.disagreements) {
    const text = `${what}: ${taken.source} says ${taken.value}, ${other.source} says ${other.value}`
    lines.push(...wrap(text, '  ', '    '))
  }
  return [...lines, ...describeUnknowns(inventory)].map(ascii)
}

function describeSection(name: keyof Sections, label: string, finding: Finding<never>): string[] {
  const head = label.padEnd(INDENT)
  if (finding.status === 'absent') return wrap(`none: ${finding.reason}`, head, ' '.repeat(INDENT))
  if (finding.status === 'unknown') return wrap(`unknown: ${finding.reason}`, head, ' '.repeat(INDENT))
  const [first = '', ...rest] = describe[name](finding.value)
  return [...wrap(first, head, ' '.repeat(INDENT)), ...rest]
}

const or = (finding: Finding<string>, instead = '?') => knownValue(finding) ?? instead

/** `label value` where the value is known, nothing where it is not. */
function maybe(label: string, finding: Finding<string | number>): string[] {
  const value = knownValue(finding)
  return value === undefined ? [] : [`${label} ${value}`.trim()]
}

const describe: Lines = {
  system: (s) => [
    [
      `${or(s.manufacturer)} ${or(s.product)}`,
      `serial ${or(s.serial, 'unknown')}`,
      `UUID ${or(s.uuid, 'unknown')}`,
      ...maybe('SKU', s.sku),
    ].join(', '),
  ],
  bios: (b) => [
    [`${or(b.vendor)} ${or(b.version)}`, ...maybe('', b.date), ...maybe('SMBIOS', b.smbios)].join(', '),
  ],
  board: (boards) =>
    several(
      boards.map((b) =>
        [
          `${or(b.manufacturer)} ${or(b.product)}`,
          ...maybe('version', b.version),
          ...maybe('serial', b.serial),
        ].join(', '),
      ),
    ),
  chassis: (all) =>
    several(
      all.map((c) =>
        [or(c.type, 'type unknown'), ...maybe('serial', c.serial), ...maybe('asset tag', c.assetTag)].join(
          ', ',
        ),
      ),
    ),
  boot: (b) => {
    const secure = knownValue(b.secureBoot)
    const state = b.secureBoot.status === 'unknown' ? 'unknown' : secure === true ? 'on' : 'off'
    return [knownValue(b.mode) === 'UEFI' ? `UEFI, secure boot ${state}` : or(b.mode)]
  },
  bmc: (b) => [
    [
      ...maybe('', b.interface),
      ...maybe('IPMI', b.specification),
      knownValue(b.devices)?.join(' ') ?? 'no kernel driver at work',
      ...maybe('firmware', b.firmware),
    ].join(', '),
  ],
  cpu: (c) => {
    const sockets = knownValue(c.sockets)
    return [
      [
        `${knownValue(c.packages) ?? '?'} x ${or(c.model)}`,
        ...maybe('cores', c.cores),
        ...maybe('threads', c.threads),
        ...maybe('microcode', c.microcode),
        ...(sockets === undefined
          ? []
          : [`${sockets.length} ${sockets.length === 1 ? 'socket' : 'sockets'}`]),
        ...(knownValue(c.hypervisor) === true ? ['under a hypervisor'] : []),
      ].join(', '),
    ]
  },
  memory: describeMemory,
  disks: describeDisks,
  network: describeNetwork,
  pci: (p) => {
    const slow = p.devices.flatMap(({ address, class: code, link }) => {
      const value = knownValue(link)
      if (value?.belowMaximum !== true || code.startsWith(BRIDGE)) return []
      return [
        `  ${address} runs at ${value.speed} GT/s x${value.width} of ${value.maxSpeed} GT/s x${value.maxWidth}`,
      ]
    })
    const driven = p.devices.filter(({ driver }) => driver.status === 'known').length
    return [`${p.devices.length} functions, ${driven} with a driver`, ...slow]
  },
  filesystems: (f) => {
    const inMemory = f.mounted.filter(({ type }) => type === 'tmpfs')
    const others = f.mounted.filter(({ type }) => type !== 'tmpfs')
    return [
      `${others.length} file system${others.length === 1 ? '' : 's'}, and ${inMemory.length} in memory`,
      ...others.map(({ device, mountPoint, type, usage }) => {
        const value = knownValue(usage)
        const used = value && `${memorySize(value.usedBytes)} of ${memorySize(value.sizeBytes)} used`
        return `  ${mountPoint} (${type} on ${device}): ${used ?? 'usage unknown'}`
      }),
    ]
  },
}

function several(lines: readonly string[]): string[] {
  return lines.map((line, index) => (index === 0 ? line : `${' '.repeat(INDENT)}${line}`))
}

/** Core values each with the reason; of the others, which they are. */
function describeUnknowns({ missing, sections }: Inventory): string[] {
  const lines: string[] = []
  if (missing.length > 0) lines.push('', 'Unknown')
  for (const { section, what, reason } of missing) {
    const name = what === section ? section : `${section}: ${what}`
    lines.push(...wrap(`${name}: ${reason}`, '  ', '    '))
  }
  const said = new Set(missing.map(({ section }) => section))
  const others = Object.entries(sections).flatMap(([name, finding]) =>
    said.has(name) && finding?.status !== 'known' ? [] : unknownsIn(finding as Finding<unknown>, name),
  )
  if (others.length > 0) {
    lines.push(
      '',
      ...wrap(
        `${others.length} values of less weight are unknown; the JSON document has each with its reason.`,
        '',
      ),
    )
  }
  return lines
}
