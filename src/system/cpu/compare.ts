import type { Disagreement, Finding } from '../finding.ts'
import { CPUINFO } from './cpuinfo.ts'
import { type CpuData, SYSTEMINFORMATION_CPU } from './systeminformation.ts'
import { type CacheSizes, CPU_DIR, type Topology } from './topology.ts'

export interface KernelWord {
  info: Finding<ReadonlyMap<string, string>>
  topology: Finding<Topology>
  caches: Finding<CacheSizes>
}

/** Where systeminformation says otherwise than the kernel; the kernel's word is what was taken. */
export function compareCpu(library: Finding<CpuData>, kernel: KernelWord): Disagreement[] {
  if (library.status !== 'known') return []
  const found: Disagreement[] = []
  const { info, topology, caches } = kernel
  const compare = <T extends string | number>(
    what: string,
    source: string,
    taken: T | undefined,
    other: T | undefined,
  ) => {
    if (taken === undefined || other === undefined || taken === other) return
    found.push({
      what,
      taken: { source, value: taken },
      other: { source: SYSTEMINFORMATION_CPU, value: other },
    })
  }
  const data = library.value
  if (topology.status === 'known') {
    const source = `${CPU_DIR}/cpu*/topology`
    compare('cores', source, topology.value.cores, data.physicalCores)
    compare('packages', source, topology.value.packages, data.processors)
    compare('threads', source, topology.value.threads, data.cores)
  }
  if (info.status === 'known') {
    compare('CPU flags', CPUINFO, info.value.get('flags'), data.flags)
  }
  if (caches.status === 'known') {
    for (const key of ['l1d', 'l1i', 'l2', 'l3'] as const) {
      compare(`${key} cache`, `${CPU_DIR}/cpu*/cache`, caches.value[key], data.cache?.[key])
    }
  }
  return found
}
