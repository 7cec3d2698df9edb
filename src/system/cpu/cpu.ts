import { readNumber } from '../attribute.ts'
import { absent, type Disagreement, type Finding, firstKnown, known, mapKnown, unknown } from '../finding.ts'
import type { MachineRoot } from '../machine-root.ts'
import { isPlaceholder, statedText } from '../placeholder.ts'
import { readSmbios, SMBIOS_TABLE } from '../smbios/read.ts'
import { decodeProcessor } from '../smbios/structures.ts'
import { compareCpu } from './compare.ts'
import { CPUINFO, readCpuinfo } from './cpuinfo.ts'
import type { Cpu, CpuSocket } from './schema.ts'
import {
  type CpuData,
  type LoadSystemInformation,
  readCpuData,
  SYSTEMINFORMATION_CPU,
} from './systeminformation.ts'
import { CPU_DIR, readCaches, readNumaNodes, readTopology } from './topology.ts'

/** The processors: procfs and sysfs first, SMBIOS for the sockets, systeminformation for what the kernel does not name. */
export async function readCpu(root: MachineRoot, load?: LoadSystemInformation): Promise<Finding<Cpu>> {
  const info = await readCpuinfo(root)
  const topology = await readTopology(root)
  if (info.status !== 'known' && topology.status !== 'known') return unknown(info.reason, CPUINFO, CPU_DIR)
  const library = await readCpuData(root, load)
  const field = (...names: string[]): Finding<string> => {
    if (info.status !== 'known') return info
    const value = names.map((name) => info.value.get(name)).find((text) => text !== undefined && text !== '')
    return value === undefined ? unknown(`${CPUINFO} has no ${names[0]}`, CPUINFO) : known(value, CPUINFO)
  }
  const flags = mapKnown(field('flags', 'Features'), (text) => text.split(' '))
  const has = (...names: string[]) => mapKnown(flags, (list) => names.some((name) => list.includes(name)))
  const caches = await readCaches(root)
  const disagreements: Disagreement[] = compareCpu(library, { info, topology, caches })
  const speed = async (file: string, key: 'speedMax' | 'speedMin') =>
    firstKnown<number>([
      mapKnown(await readNumber(root, `${CPU_DIR}/cpu0/cpufreq/${file}`, 1), (khz) => khz / 1000),
      fromLibrary(library, ({ [key]: ghz }) => (ghz === undefined ? undefined : Math.round(ghz * 1000))),
    ])
  const cpu: Cpu = {
    manufacturer: firstKnown([fromLibrary(library, (data) => data.manufacturer), field('vendor_id')]),
    model: modelOf(field('model name', 'Model')),
    brand: fromLibrary(library, (data) => data.brand),
    family: field('cpu family', 'CPU architecture'),
    modelNumber: field('model', 'CPU part'),
    stepping: field('stepping', 'CPU revision'),
    microcode: field('microcode'),
    packages: mapKnown(topology, (t) => t.packages),
    cores: mapKnown(topology, (t) => t.cores),
    threads: mapKnown(topology, (t) => t.threads),
    threadsPerCore: mapKnown(topology, (t) => Math.round((t.threads / t.cores) * 100) / 100),
    offlineThreads: mapKnown(topology, (t) => t.offline),
    maxMhz: await speed('cpuinfo_max_freq', 'speedMax'),
    minMhz: await speed('cpuinfo_min_freq', 'speedMin'),
    virtualization: firstKnown([has('vmx', 'svm'), fromLibrary(library, (data) => data.virtualization)]),
    hypervisor: has('hypervisor'),
    flags,
    cache: firstKnown<NonNullable<CpuData['cache']>>([caches, fromLibrary(library, (data) => data.cache)]),
    numaNodes: await readNumaNodes(root),
    sockets: await readSockets(root),
    disagreements,
  }
  return known(cpu, CPUINFO, CPU_DIR)
}

/** Engineering samples and some guests have no name but a placeholder. */
function modelOf(model: Finding<string>): Finding<string> {
  return model.status === 'known' ? statedText(model.value, 'model', CPUINFO) : model
}

function fromLibrary<T>(library: Finding<CpuData>, pick: (data: CpuData) => T | undefined): Finding<T> {
  if (library.status !== 'known') return library
  const value = pick(library.value)
  return value === undefined || (typeof value === 'string' && isPlaceholder(value))
    ? unknown('systeminformation names none', SYSTEMINFORMATION_CPU)
    : known(value, SYSTEMINFORMATION_CPU)
}

async function readSockets(root: MachineRoot): Promise<Finding<CpuSocket[]>> {
  const smbios = await readSmbios(root)
  if (smbios.status !== 'known') return smbios
  const source = `${SMBIOS_TABLE} type 4`
  const processors = smbios.value.structures.filter(({ type }) => type === 4).map(decodeProcessor)
  const cpus = processors.filter(({ isCpu }) => isCpu)
  if (cpus.length === 0) {
    return smbios.value.problems.length > 0
      ? unknown(`not in the SMBIOS table, which is damaged: ${smbios.value.problems.join('; ')}`, source)
      : absent('the SMBIOS table lists no processor', source)
  }
  const given = <T>(value: T | undefined, what: string): Finding<T> =>
    value === undefined ? unknown(`no ${what} stated`, source) : known(value, source)
  return known(
    cpus.map((cpu) => ({
      socket: statedText(cpu.socket, 'socket', source),
      populated: given(cpu.populated, 'status'),
      version: statedText(cpu.version, 'version', source),
      serial: statedText(cpu.serial, 'serial', source),
      partNumber: statedText(cpu.partNumber, 'part number', source),
      cores: given(cpu.cores, 'core count'),
      coresEnabled: given(cpu.coresEnabled, 'count of enabled cores'),
      threads: given(cpu.threads, 'thread count'),
      maxSpeedMhz: given(cpu.maxSpeedMhz, 'speed'),
    })),
    source,
  )
}
