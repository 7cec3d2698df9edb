import { readFailure } from '../attribute.ts'
import { type Finding, known, unknown } from '../finding.ts'
import type { MachineRoot } from '../machine-root.ts'

export const CPUINFO = '/proc/cpuinfo'

/** The first processor's fields of /proc/cpuinfo, names as the kernel writes them. */
export async function readCpuinfo(root: MachineRoot): Promise<Finding<ReadonlyMap<string, string>>> {
  try {
    const text = await root.readText(CPUINFO)
    if (text === undefined) return unknown(`no ${CPUINFO}`, CPUINFO)
    const [first = ''] = text.split(/\n\s*\n/, 1)
    const fields = [...first.matchAll(/^([^\t:]+?)\s*:[ \t]*(.*)$/gm)].map(
      ([, key = '', value = '']) => [key, value] as const,
    )
    return fields.length === 0 ? unknown(`${CPUINFO} is empty`, CPUINFO) : known(new Map(fields), CPUINFO)
  } catch (error) {
    return unknown(readFailure(error), CPUINFO)
  }
}
