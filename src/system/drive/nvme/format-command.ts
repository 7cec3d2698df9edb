import type { FirmwareMethod, NvmeCapabilities } from '../schema.ts'
import type { FormatTarget } from './format-targets.ts'

/** Bytes a second of the slowest drives, and bounds for the whole, in milliseconds: nvme-cli itself takes 600 seconds. */
const SLOWEST = 50_000_000
const SHORTEST = 600_000
const LONGEST = 24 * 3_600_000

/** Milliseconds that the drive is given. */
export function timeoutOf(
  { namespaces, unallocatedBytes }: NvmeCapabilities,
  { sizeBytes }: FormatTarget,
): number {
  const unknownSize = namespaces.some((each) => each.sizeBytes === null)
  if (unknownSize) return LONGEST
  const bytes = sizeBytes + (unallocatedBytes ?? 0)
  return Math.min(LONGEST, Math.max(SHORTEST, Math.ceil(bytes / SLOWEST) * 1000))
}

/** Arguments for nvme. Without `--force` it waits ten seconds for somebody to cancel, and refuses busy namespaces. */
export function commandOf(
  method: Extract<FirmwareMethod, `nvme-format-${string}`>,
  { nsid, lbaFormat }: FormatTarget,
  { controller, format }: NvmeCapabilities,
  timeout: number,
): string[] {
  const ses = method === 'nvme-format-crypto' ? 2 : 1
  if (format.everyNamespace && format.noBroadcast) {
    // `nvme format` always broadcasts when FNA bit 0 is set, which a drive with bit 3 refuses: Format NVM by its opcode.
    const dword = (lbaFormat & 0xf) | (ses << 9) | ((lbaFormat >> 4) << 12)
    return [
      'admin-passthru',
      controller,
      '--opcode=0x80',
      `--namespace-id=${nsid}`,
      `--cdw10=${dword}`,
      `--timeout=${timeout}`,
    ]
  }
  return [
    'format',
    controller,
    `--namespace-id=${nsid}`,
    `--ses=${ses}`,
    // Where it broadcasts, its default is not the format in use but format 0.
    `--lbaf=${lbaFormat}`,
    '--force',
    `--timeout=${timeout}`,
  ]
}
