import * as z from 'zod'
import type { HostIdentity } from '../../system/identity.ts'
import type { Report } from '../report.ts'

/** The addresses of one network interface. */
export interface InterfaceAddresses {
  name: string
  mac: string
  ipv4?: { address: string; prefix: number }
  ipv6?: string
}

export interface FactSources {
  identity: HostIdentity
  report: Report
  interfaces: readonly InterfaceAddresses[]
  /** Of the reporting card. */
  mac: string | undefined
  /** `x86_64`, `aarch64`. */
  machine: string | undefined
  /** Milliseconds since the epoch. */
  time: number
}

export type Facts = Record<string, string | number | boolean>

/**
 * Facts by the names of Facter 2, as Foreman's discovery plugin reads them: app/models/host/discovered.rb and
 * app/services/foreman_discovery/import_hooks/discovery_attribute.rb of theforeman/foreman_discovery, and
 * app/services/puppet_fact_parser.rb of theforeman/foreman. What is not known is left out.
 */
export function foremanFacts(sources: FactSources): Facts {
  const { identity, report, interfaces, machine, time } = sources
  const inventory = readInventory(report)
  const boot: Partial<InterfaceAddresses> | undefined = bootInterface(sources)
  return withoutUnknown({
    _type: 'foreman_discovery',
    _timestamp: new Date(time).toISOString(),
    discovery_bootif: boot?.mac,
    hostname: identity.hostname === '' ? undefined : identity.hostname,
    uuid: identity.uuid,
    serialnumber: identity.serial,
    architecture: machine,
    hardwaremodel: machine,
    macaddress: boot?.mac,
    ipaddress: boot?.ipv4?.address,
    netmask: boot?.ipv4 && netmask(boot.ipv4.prefix),
    ipaddress6: boot?.ipv6,
    interfaces: interfaces.map(({ name }) => factName(name)).join(','),
    ...Object.assign({}, ...interfaces.map(interfaceFacts)),
    ...machineFacts(inventory),
    ...diskFacts(inventory),
  })
}

function interfaceFacts({ name, mac, ipv4, ipv6 }: InterfaceAddresses) {
  const own = factName(name)
  return {
    [`macaddress_${own}`]: mac,
    [`ipaddress_${own}`]: ipv4?.address,
    [`netmask_${own}`]: ipv4 && netmask(ipv4.prefix),
    [`ipaddress6_${own}`]: ipv6,
  }
}

/** The interface with the address of the reporting card (a bond wears that of a card in it), else the first card. */
function bootInterface({ interfaces, mac, identity }: FactSources) {
  const [first] = identity.macs
  const same = interfaces.filter((own) => own.mac === (mac ?? first?.mac)?.toLowerCase())
  return same.find(({ ipv4 }) => ipv4 !== undefined) ?? same[0] ?? (first && { mac: first.mac })
}

/** Facter's own way with a name that is no word. */
function factName(name: string): string {
  return name.replaceAll(/[^a-z0-9_]/gi, '_')
}

function netmask(prefix: number): string {
  return [0, 8, 16, 24].map((skip) => 256 - 2 ** (8 - Math.min(8, Math.max(0, prefix - skip)))).join('.')
}

/** A value of the inventory that is known, and of this kind; everything else counts as not there. */
function value<T>(schema: z.ZodType<T>) {
  const known = z.object({ status: z.literal('known'), value: schema })
  return z
    .unknown()
    .optional()
    .transform((found): T | undefined => known.safeParse(found).data?.value)
}
const text = value(z.string())
const number = value(z.number())

/** The part of an inventory that Foreman knows names for. */
const inventorySchema = z.object({
  system: value(z.object({ manufacturer: text, product: text })),
  bios: value(z.object({ vendor: text, version: text, date: text })),
  board: value(z.array(z.object({ manufacturer: text, product: text, serial: text }))),
  cpu: value(z.object({ model: text, packages: number, threads: number, hypervisor: value(z.boolean()) })),
  memory: value(z.object({ totalBytes: number })),
  disks: value(
    z.object({
      disks: z.array(
        z.object({ name: z.string(), vendor: text, model: text, serial: text, sizeBytes: number }),
      ),
    }),
  ),
})

type KnownInventory = z.infer<typeof inventorySchema>

function readInventory(report: Report): Partial<KnownInventory> {
  const result = report.tasks.findLast(({ task }) => task === 'inventory')?.result
  const parsed = z.object({ sections: inventorySchema }).safeParse(result)
  return parsed.success ? parsed.data.sections : {}
}

function machineFacts({ system, bios, board, cpu, memory }: Partial<KnownInventory>) {
  const mib = memory?.totalBytes === undefined ? undefined : memory.totalBytes / 2 ** 20
  return {
    manufacturer: system?.manufacturer,
    productname: system?.product,
    bios_vendor: bios?.vendor,
    bios_version: bios?.version,
    bios_release_date: bios?.date,
    boardmanufacturer: board?.[0]?.manufacturer,
    boardproductname: board?.[0]?.product,
    boardserialnumber: board?.[0]?.serial,
    processor0: cpu?.model,
    processorcount: cpu?.threads,
    physicalprocessorcount: cpu?.packages,
    is_virtual: cpu?.hypervisor,
    memorysize_mb: mib?.toFixed(2),
    memorysize: mib === undefined ? undefined : `${(mib / 1024).toFixed(2)} GB`,
  }
}

function diskFacts({ disks }: Partial<KnownInventory>) {
  if (disks === undefined) return {}
  const facts: Record<string, string | number | undefined> = {
    blockdevices: disks.disks.map(({ name }) => name).join(','),
  }
  for (const { name, vendor, model, serial, sizeBytes } of disks.disks) {
    const own = `blockdevice_${factName(name)}`
    Object.assign(facts, {
      [`${own}_size`]: sizeBytes,
      [`${own}_vendor`]: vendor,
      [`${own}_model`]: model,
      [`${own}_serial`]: serial,
    })
  }
  return facts
}

function withoutUnknown(facts: Record<string, string | number | boolean | undefined>): Facts {
  return Object.fromEntries(
    Object.entries(facts).filter((fact): fact is [string, string] => fact[1] !== undefined),
  )
}
