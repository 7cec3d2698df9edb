import * as z from 'zod'
import { type Finding, known, unknown } from '../finding.ts'
import type { MachineRoot } from '../machine-root.ts'
import { findTool } from '../tools.ts'
import { CPUINFO } from './cpuinfo.ts'

/** The part of systeminformation that is used; loaded only when it is asked, as it is large. */
export interface SystemInformation {
  cpu(): Promise<unknown>
}

export type LoadSystemInformation = () => Promise<SystemInformation>

export const loadSystemInformation: LoadSystemInformation = async () => {
  const module = await import('systeminformation')
  return 'default' in module ? (module.default as SystemInformation) : module
}

// The library answers a missing tool with empty texts and zeros: those are taken for what they are, no answer.
const stated = z.string().min(1).optional().catch(undefined)
const positive = z.number().positive().optional().catch(undefined)

const cpuDataSchema = z.object({
  manufacturer: stated,
  brand: stated,
  flags: stated,
  virtualization: z.boolean().optional().catch(undefined),
  speedMin: positive,
  speedMax: positive,
  cores: positive,
  physicalCores: positive,
  processors: positive,
  cache: z.object({ l1d: positive, l1i: positive, l2: positive, l3: positive }).optional().catch(undefined),
})

export type CpuData = z.infer<typeof cpuDataSchema>

export const SYSTEMINFORMATION_CPU = 'systeminformation cpu()'

/** It reads the machine that it runs on, through `lscpu` in a shell: without both its answer is made up of defaults. */
export async function readCpuData(
  root: MachineRoot,
  load: LoadSystemInformation = loadSystemInformation,
): Promise<Finding<CpuData>> {
  const source = SYSTEMINFORMATION_CPU
  if (root.dir !== '/') return unknown('systeminformation reads the running machine only', source)
  for (const tool of ['sh', 'lscpu']) {
    if ((await findTool(root, tool)) === undefined) {
      return unknown(`systeminformation needs ${tool}, which is not installed`, source)
    }
  }
  if (!(await root.exists(CPUINFO).catch(() => false))) {
    return unknown(`systeminformation needs ${CPUINFO}`, source)
  }
  try {
    const library = await load()
    const data = cpuDataSchema.safeParse(await library.cpu())
    if (!data.success) return unknown('systeminformation gave no object', source)
    if (data.data.manufacturer === undefined && data.data.brand === undefined) {
      return unknown('systeminformation gave neither manufacturer nor brand', source)
    }
    return known(data.data, source)
  } catch (error) {
    return unknown(`systeminformation: ${error instanceof Error ? error.message : error}`, source)
  }
}
