import { awaitAtaSanitize, sanitizeAta } from './ata/sanitize.ts'
import { securityEraseAta } from './ata/security-erase.ts'
import type { EraseDeps, EraseTarget } from './deps.ts'
import { formatNvme } from './nvme/format.ts'
import { awaitSanitize, sanitizeNvme } from './nvme/sanitize.ts'
import type { Capabilities, FirmwareMethod, FirmwareOutcome, NvmeCapabilities } from './schema.ts'
import { awaitScsi, eraseScsi } from './scsi/erase.ts'

export interface FirmwareTarget extends EraseTarget {
  capabilities: Capabilities
}

/**
 * Erases one drive by its own firmware. Never throws for what a drive or a tool does; what it returns is judged by the
 * states that the drive reads out, before and after, never by an exit code alone.
 */
export async function eraseByFirmware(
  method: FirmwareMethod,
  target: FirmwareTarget,
  deps: EraseDeps,
): Promise<FirmwareOutcome> {
  const refused = await refusal(method, target, deps)
  if (refused !== undefined) return rejected(refused)
  const { capabilities } = target
  switch (method) {
    case 'nvme-sanitize-crypto':
    case 'nvme-sanitize-block':
    case 'nvme-sanitize-overwrite':
      return capabilities.kind === 'nvme' ? sanitizeNvme(method, capabilities, deps) : foreign(method)
    case 'nvme-format-crypto':
    case 'nvme-format-user-data':
      return capabilities.kind === 'nvme' ? formatNvme(method, target, capabilities, deps) : foreign(method)
    case 'ata-sanitize-crypto':
    case 'ata-sanitize-block':
    case 'ata-sanitize-overwrite':
      return single(method, target, 'ata', (disk) => sanitizeAta(method, disk, deps))
    case 'ata-security-erase':
    case 'ata-security-erase-enhanced':
      return single(method, target, 'ata', (disk) => securityEraseAta(method, disk, deps))
    case 'scsi-sanitize-crypto':
    case 'scsi-sanitize-block':
    case 'scsi-sanitize-overwrite':
    case 'scsi-format':
      return single(method, target, 'scsi', async (disk) =>
        capabilities.kind === 'scsi' ? eraseScsi(method, disk, capabilities, deps) : foreign(method),
      )
  }
}

/** Whether an erase was running when the capabilities were read. */
export function isErasing(capabilities: Capabilities): boolean {
  if (capabilities.kind === 'plain') return false
  return capabilities.kind === 'scsi'
    ? capabilities.running !== 'none'
    : capabilities.sanitizeState === 'running'
}

/**
 * Waits for an erase that was running when the capabilities were read; starts none. `method` is what it is to count as: an
 * end of another kind is reported as `unknown`, or with the method that it was where the drive states that.
 */
export async function attachToRunning(
  method: FirmwareMethod,
  target: FirmwareTarget,
  deps: EraseDeps,
): Promise<FirmwareOutcome> {
  const { capabilities, disks } = target
  if (!isErasing(capabilities)) return rejected('no erase was running')
  const [disk] = disks
  if (disk === undefined) return rejected('no disk was named')
  if (capabilities.kind === 'nvme') {
    return asked(method, 'nvme-sanitize', await awaitSanitize(capabilities, deps))
  }
  if (capabilities.kind === 'ata') return asked(method, 'ata-sanitize', await awaitAtaSanitize(disk, deps))
  if (capabilities.kind !== 'scsi' || capabilities.running === 'none') return rejected('no erase was running')
  const { running } = capabilities
  return asked(method, `scsi-${running}`, await awaitScsi(disk, running, deps))
}

/** An end counts only for the kind of erase that it was. */
function asked(method: FirmwareMethod, kind: string, outcome: FirmwareOutcome): FirmwareOutcome {
  if (method.startsWith(kind) || outcome.state !== 'done') return outcome
  return { ...outcome, state: 'unknown', reason: `what ran was ${kind}, not ${method}` }
}

async function refusal(
  method: FirmwareMethod,
  { capabilities, disks }: FirmwareTarget,
  { root, signal }: EraseDeps,
): Promise<string | undefined> {
  if (signal.aborted) return 'cancelled before it began'
  if (disks.length === 0) return 'no disk was named'
  for (const { name } of disks) {
    // SECURITY ERASE UNIT through a bridge has left drives locked for good.
    const place = (await root.readLink(`/sys/block/${name}`).catch(() => undefined)) ?? ''
    if (/\/usb\d+\//.test(place)) return `${name} is behind USB`
  }
  if (capabilities.kind === 'nvme' && method.startsWith('nvme-sanitize')) return others(capabilities, disks)
  return undefined
}

/** A sanitize acts on every namespace of the subsystem; one without a block device belongs to all of them. */
function others({ namespaces }: NvmeCapabilities, disks: readonly { path: string }[]): string | undefined {
  const paths = new Set(disks.map(({ path }) => path))
  const left = namespaces.flatMap(({ path }) => (path === null || paths.has(path) ? [] : [path]))
  return left.length === 0
    ? undefined
    : `it erases all namespaces of the drive, and ${left.join(', ')} were not named`
}

async function single(
  method: FirmwareMethod,
  { capabilities, disks }: FirmwareTarget,
  kind: Capabilities['kind'],
  act: (disk: { name: string; path: string }) => Promise<FirmwareOutcome>,
): Promise<FirmwareOutcome> {
  const [disk, ...more] = disks
  if (capabilities.kind !== kind || disk === undefined) return foreign(method)
  return more.length > 0 ? rejected('more than one disk was named') : act(disk)
}

function foreign(method: FirmwareMethod): FirmwareOutcome {
  return rejected(`${method} is not for this kind of drive`)
}

function rejected(reason: string): FirmwareOutcome {
  return { state: 'rejected', reason, evidence: {} }
}
