import { readEntries, readLine, readNumber } from '../attribute.ts'
import { type Finding, known, knownValue, unknown } from '../finding.ts'
import type { MachineRoot } from '../machine-root.ts'

export const CPU_DIR = '/sys/devices/system/cpu'

export interface Topology {
  packages: number
  cores: number
  threads: number
  offline: number
}

/** Counts what is online, by the kernel's own topology. */
export async function readTopology(root: MachineRoot): Promise<Finding<Topology>> {
  const online = await readCpuList(root, `${CPU_DIR}/online`)
  if (online.status !== 'known') return online
  const packages = new Set<number>()
  const cores = new Set<string>()
  for (const cpu of online.value) {
    const dir = `${CPU_DIR}/cpu${cpu}/topology`
    const pack = await readNumber(root, `${dir}/physical_package_id`, -1)
    const core = await readNumber(root, `${dir}/core_id`, -1)
    if (pack.status !== 'known') return pack
    if (core.status !== 'known') return core
    // Core numbers start anew on each die.
    const die = knownValue(await readNumber(root, `${dir}/die_id`, -1)) ?? 0
    packages.add(pack.value)
    cores.add(`${pack.value}/${die}/${core.value}`)
  }
  const present = await readCpuList(root, `${CPU_DIR}/present`)
  const threads = online.value.length
  const offline = present.status === 'known' ? present.value.length - threads : 0
  return known({ packages: packages.size, cores: cores.size, threads, offline }, `${CPU_DIR}/cpu*/topology`)
}

export type CacheSizes = Partial<Record<'l1d' | 'l1i' | 'l2' | 'l3', number>>

/** Cache sizes in bytes, each instance counted once however many threads share it. */
export async function readCaches(root: MachineRoot): Promise<Finding<CacheSizes>> {
  const online = await readCpuList(root, `${CPU_DIR}/online`)
  if (online.status !== 'known') return online
  const source = `${CPU_DIR}/cpu*/cache`
  const seen = new Set<string>()
  const sizes: CacheSizes = {}
  for (const cpu of online.value) {
    const indexes = knownValue(await readEntries(root, `${CPU_DIR}/cpu${cpu}/cache`)) ?? []
    for (const index of indexes.filter((name) => /^index\d+$/.test(name))) {
      const dir = `${CPU_DIR}/cpu${cpu}/cache/${index}`
      const key = await cacheKey(root, dir)
      const size = /^(\d+)K$/.exec(knownValue(await readLine(root, `${dir}/size`)) ?? '')?.[1]
      const shared = knownValue(await readLine(root, `${dir}/shared_cpu_list`)) ?? `${cpu}`
      if (key === undefined || size === undefined || seen.has(`${key} ${shared}`)) continue
      seen.add(`${key} ${shared}`)
      sizes[key] = (sizes[key] ?? 0) + Number(size) * 1024
    }
  }
  return seen.size === 0 ? unknown('the kernel knows no caches', source) : known(sizes, source)
}

async function cacheKey(root: MachineRoot, dir: string): Promise<keyof CacheSizes | undefined> {
  const level = knownValue(await readNumber(root, `${dir}/level`, 1))
  const type = knownValue(await readLine(root, `${dir}/type`))
  if (level === 1) return type === 'Data' ? 'l1d' : type === 'Instruction' ? 'l1i' : undefined
  return level === 2 ? 'l2' : level === 3 ? 'l3' : undefined
}

/** Counts NUMA nodes that are online. */
export async function readNumaNodes(root: MachineRoot): Promise<Finding<number>> {
  const path = '/sys/devices/system/node/online'
  const nodes = await readCpuList(root, path)
  return nodes.status === 'known' ? known(nodes.value.length, path) : nodes
}

/** A kernel list such as `0-3,8`. */
async function readCpuList(root: MachineRoot, path: string): Promise<Finding<number[]>> {
  const line = await readLine(root, path)
  if (line.status !== 'known') return line
  const numbers: number[] = []
  for (const part of line.value.split(',')) {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? []
    if (first === undefined || Number(last) - Number(first) > 65_535) {
      return { ...unknown(`${path} says "${line.value.slice(0, 40)}"`, path), raw: line.value.slice(0, 40) }
    }
    for (let n = Number(first); n <= Number(last); n += 1) numbers.push(n)
  }
  return known(numbers, path)
}
