import * as z from 'zod'
import type { Exec } from '../exec.ts'
import { absent, type Finding, known, unknown } from '../finding.ts'
import { runTool } from '../run-tool.ts'
import { type SmartOutput, smartOutputSchema } from './smart-output.ts'
import { healthValues } from './smart-values.ts'
import { healthWarnings } from './smart-warnings.ts'

/** What a drive says of its own health; null: it does not state it. */
export const smartHealthSchema = z.object({
  passed: z.boolean().nullable().describe("the drive's own overall judgement"),
  temperatureC: z.number().nullable(),
  powerOnHours: z.number().nullable(),
  percentageUsed: z.number().nullable().describe('of its endurance; flash only'),
  reallocated: z.number().nullable().describe('ATA attribute 5, or grown defects of a SCSI drive'),
  pending: z.number().nullable().describe('ATA attribute 197, or pending defects of a SCSI drive'),
  offlineUncorrectable: z.number().nullable().describe('ATA attribute 198: as of its last offline scan'),
  uncorrectable: z
    .number()
    .nullable()
    .describe('over its life: ATA attribute 187, NVMe media errors, SCSI uncorrected errors'),
  interfaceErrors: z.number().nullable().describe('ATA attribute 199: the cable, not the disk'),
  errorLogEntries: z.number().nullable().describe('over its life; ATA and NVMe'),
  spare: z
    .object({ available: z.number(), threshold: z.number() })
    .nullable()
    .describe('per cent; NVMe only'),
  warnings: z
    .array(z.string())
    .describe('one line each: failing now, prefail attribute below its threshold, …'),
})

export type SmartHealth = z.infer<typeof smartHealthSchema>

/** Milliseconds. `-x` asks for a dozen logs, and a drive that is busy with a bad sector answers each late. */
const LIMIT = 60_000

/** The exit status tells of the drive's health, so none of them means that smartctl has not worked. */
const ANY = Array.from({ length: 256 }, (_, code) => code)

/** Disks of which it is certain that there is nothing to ask, by the kernel's names. */
const WITHOUT_SMART: readonly [name: RegExp, words: string][] = [
  [/^loop\d+$/, 'a loop device is a file'],
  [/^vd[a-z]+$/, 'a virtio disk has no SMART'],
  [/^xvd[a-z]+$/, 'a Xen disk has no SMART'],
  [/^(ram|zram|nbd)\d+$/, 'it is no drive'],
  [/^mmcblk\d+$/, 'SD and MMC have no SMART'],
  [/^pmem\d+$/, 'NVDIMMs have no SMART; ndctl(1) tells their health'],
]

/**
 * What a drive says of its own health. `absent`: proved to have no SMART; `unknown`: it could not be asked, or did not
 * answer. Reads only; wakes a drive that sleeps. A controller that hides the kind of its drives is asked a second time
 * with the kind that `smartctl --scan-open` finds.
 * @param path the kernel's name, such as `/dev/sda`
 */
export async function readSmartHealth(
  exec: Exec,
  path: string,
  signal?: AbortSignal,
): Promise<Finding<SmartHealth>> {
  const name = path.split('/').at(-1) ?? path
  const without = WITHOUT_SMART.find(([pattern]) => pattern.test(name))
  if (without !== undefined) return absent(without[1], path)
  const first = await ask(exec, ['--json=c', '-x', path], signal)
  if (first.status !== 'known' || gotAnswer(first.value)) return healthOf(first)
  const kind = await findKind(exec, path, signal)
  // The kind that it had taken by itself would give the same answer.
  if (kind === undefined || kind === first.value.device?.type) return healthOf(first)
  return healthOf(await ask(exec, ['--json=c', '-x', '-d', kind, path], signal))
}

/** smartctl(8): bit 0, the command line was not understood; bit 1, the device was not opened or did not identify itself. */
function gotAnswer(output: SmartOutput): boolean {
  return (output.smartctl.exit_status & 3) === 0
}

async function ask(
  exec: Exec,
  args: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Finding<SmartOutput>> {
  const text = await runTool(exec, 'smartctl', args, { signal, timeout: LIMIT, okExitCodes: ANY })
  if (text.status !== 'known') return text
  const [source = ''] = text.sources
  const output = smartOutputSchema.safeParse(parseJson(text.value))
  return output.success
    ? known(output.data, source)
    : unknown(`${source}: not the JSON that it should be`, source)
}

function healthOf(finding: Finding<SmartOutput>): Finding<SmartHealth> {
  if (finding.status !== 'known') return finding
  const { value: output, sources } = finding
  if (!gotAnswer(output)) {
    const [message = `exit status ${output.smartctl.exit_status}`] =
      output.smartctl.messages?.map(({ string }) => string) ?? []
    return unknown(`smartctl got no answer: ${message}`, ...sources)
  }
  if (output.smart_support?.available === false) return absent('the drive has no SMART', ...sources)
  if (output.smart_support?.enabled === false)
    return unknown('SMART is switched off in the drive', ...sources)
  const values = healthValues(output)
  const { temperatureC: _, powerOnHours: __, ...health } = values
  if (Object.values(health).every((value) => value === null))
    return unknown('the drive states nothing of its health', ...sources)
  return known({ ...values, warnings: healthWarnings(output) }, ...sources)
}

const scanSchema = z.object({ devices: z.array(z.object({ name: z.string(), type: z.string() })) })

async function findKind(
  exec: Exec,
  path: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const text = await runTool(exec, 'smartctl', ['--json=c', '--scan-open'], {
    signal,
    timeout: LIMIT,
    okExitCodes: ANY,
  })
  const scan = scanSchema.safeParse(text.status === 'known' ? parseJson(text.value) : undefined)
  return scan.data?.devices.find(({ name }) => name === path)?.type
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
