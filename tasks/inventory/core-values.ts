import type { Disk } from '../../src/system/block/schema.ts'
import { type Finding, firstKnown, knownValue } from '../../src/system/finding.ts'
import type { Missing, SectionName, Sections } from './schema.ts'

type Value<Name extends SectionName> = Extract<NonNullable<Sections[Name]>, { status: 'known' }>['value']
type Part = readonly [what: string, finding: Finding<unknown>]

/** What an inventory is made for: when one of these is unknown, so is the section's verdict. */
const core: { readonly [Name in SectionName]: (value: Value<Name>) => Part[] } = {
  // One of serial and UUID is enough to tell the machine from others; boards sold without a chassis have no serial.
  system: (system) => [
    ['product', system.product],
    ['serial and UUID', firstKnown([system.serial, system.uuid])],
  ],
  bios: (bios) => [['version', bios.version]],
  board: () => [],
  chassis: () => [],
  boot: (boot) => [['mode', boot.mode]],
  bmc: () => [],
  cpu: (cpu) => [
    ['model', cpu.model],
    ['threads', cpu.threads],
  ],
  memory: (memory) => [
    ['total', memory.totalBytes],
    ['slots', memory.slots],
    ['installed', memory.installedBytes],
  ],
  disks: (disks) => [
    ...disks.disks.filter(hasMedium).flatMap((disk): Part[] => [
      [`${disk.name} transport`, disk.transport],
      [`${disk.name} serial`, disk.serial],
      [`${disk.name} size`, disk.sizeBytes],
      [`${disk.name} sector size`, disk.logicalSectorBytes],
    ]),
    ...driverless(disks.driverless, 'storage'),
  ],
  network: (network) => [
    ...network.cards
      .filter(({ bmcLike }) => !bmcLike)
      .map((card): Part => [`${card.name} MAC`, card.permanentMac]),
    ...driverless(network.driverless, 'network'),
  ],
  pci: (pci) =>
    pci.unreadable.map(({ address, reason }): Part => [address, { status: 'unknown', reason, sources: [] }]),
  filesystems: () => [],
}

/** The core values of a section that are unknown. */
export function missingIn<Name extends SectionName>(section: Name, finding: Finding<Value<Name>>): Missing[] {
  if (finding.status === 'absent') return []
  if (finding.status === 'unknown') return [{ section, what: section, reason: finding.reason }]
  return core[section](finding.value).flatMap(([what, part]) =>
    part.status === 'unknown' ? [{ section, what, reason: part.reason }] : [],
  )
}

/** A card reader or a BMC's virtual drive with nothing in it is there, and has neither size nor serial. */
function hasMedium(disk: Disk): boolean {
  return !(knownValue(disk.removable) === true && knownValue(disk.sizeBytes) === 0)
}

function driverless(finding: Finding<{ address: string }[]>, kind: string): Part[] {
  return (knownValue(finding) ?? []).map(({ address }): Part => {
    const reason = `the ${kind} controller has no driver: what it carries is not seen`
    return [address, { status: 'unknown', reason, sources: finding.sources }]
  })
}
