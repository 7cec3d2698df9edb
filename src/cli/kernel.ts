import { ReadError } from '../errors.ts'
import type { MachineRoot } from '../system/machine-root.ts'

/** The running kernel's command line. @throws ReadError when there is no procfs */
export async function readCommandLine(root: MachineRoot): Promise<string> {
  const text = await root.readText('/proc/cmdline')
  if (text === undefined) throw new ReadError('/proc/cmdline: not there', { hint: 'is /proc mounted?' })
  return text
}
