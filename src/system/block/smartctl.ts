import * as z from 'zod'
import type { Exec } from '../exec.ts'
import { type Finding, known, unknown } from '../finding.ts'
import { runTool } from '../run-tool.ts'

const identitySchema = z.object({
  serial_number: z.string().optional(),
  model_name: z.string().optional(),
  firmware_version: z.string().optional(),
})

export interface SmartIdentity {
  serial: string | undefined
  model: string | undefined
  firmware: string | undefined
}

// smartctl(8), exit status: bits 0 and 1 mean that it got no answer, the others speak of the drive's health.
const ANSWERED = Array.from({ length: 256 }, (_, code) => code).filter((code) => (code & 3) === 0)

/** What the drive itself answers; `-n standby` is left out on purpose, as identifying wakes no drive. */
export async function readSmartIdentity(
  exec: Exec,
  path: string,
  signal?: AbortSignal,
): Promise<Finding<SmartIdentity>> {
  const args = ['--json=c', '-i', path]
  const output = await runTool(exec, 'smartctl', args, { signal, timeout: 15_000, okExitCodes: ANSWERED })
  if (output.status !== 'known') return output
  const [source = ''] = output.sources
  try {
    const identity = identitySchema.safeParse(JSON.parse(output.value))
    if (!identity.success) return unknown(`${source}: not the JSON that it should be`, source)
    const { serial_number, model_name, firmware_version } = identity.data
    return known({ serial: serial_number, model: model_name, firmware: firmware_version }, source)
  } catch {
    return unknown(`${source}: not JSON`, source)
  }
}
