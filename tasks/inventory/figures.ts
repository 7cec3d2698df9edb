import { type Finding, knownValue } from '../../src/system/finding.ts'
import type { SectionName, Sections } from './schema.ts'

type Value<Name extends SectionName> = Extract<NonNullable<Sections[Name]>, { status: 'known' }>['value']
type Figure = readonly [name: string, value: number | undefined, unit: string]

/** The few figures of a section that are worth an event of their own. */
const figures: { readonly [Name in SectionName]?: (value: Value<Name>) => Figure[] } = {
  cpu: ({ packages, threads }) => [
    ['inventory.cpu.packages', knownValue(packages), 'packages'],
    ['inventory.cpu.threads', knownValue(threads), 'threads'],
  ],
  memory: ({ totalBytes }) => [['inventory.memory.total', knownValue(totalBytes), 'bytes']],
  disks: ({ disks }) => [
    ['inventory.disks', disks.length, 'disks'],
    [
      'inventory.disks.size',
      disks.reduce((sum, disk) => sum + (knownValue(disk.sizeBytes) ?? 0), 0),
      'bytes',
    ],
  ],
  network: ({ cards }) => [['inventory.network', cards.length, 'cards']],
  pci: ({ devices }) => [['inventory.pci', devices.length, 'functions']],
}

export function figuresOf<Name extends SectionName>(name: Name, finding: Finding<Value<Name>>): Figure[] {
  return finding.status === 'known' ? (figures[name]?.(finding.value) ?? []) : []
}
