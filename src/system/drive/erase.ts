import { explainInLine, SpeedisoError } from '../../errors.ts'
import { awaitAtaSanitize, sanitizeAta } from './ata/sanitize.ts'
import { securityEraseAta } from './ata/security-erase.ts'
import type { EraseDeps, EraseTarget } from './deps.ts'
import { formatNvme } from './nvme/format.ts'
import { awaitSanitize, sanitizeNvme } from './nvme/sanitize.ts'
import { findNvmeDevices, type NvmeDevices } from './nvme/sysfs.ts'
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
    const moved = await movedAway(capabilities, disks, deps)
    if (moved !== undefined) return rejected(moved)
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
  deps: EraseDeps,
): Promise<string | undefined> {
  const { root, signal } = deps
  if (signal.aborted) return 'cancelled before it began'
  if (disks.length === 0) return 'no disk was named'
  for (const { name } of disks) {
    // SECURITY ERASE UNIT through a bridge has left drives locked for good.
    const place = (await root.readLink(`/sys/block/${name}`).catch(() => undefined)) ?? ''
    if (/\/usb\d+\//.test(place)) return `${name} is behind USB`
  }
  if (capabilities.kind !== 'nvme') return undefined
  const moved = await movedAway(capabilities, disks, deps)
  if (moved !== undefined) return moved
  return method.startsWith('nvme-sanitize') ? others(capabilities, disks) : undefined
}

/** The command goes to the controller of the plan: after a drive was plugged in again, another may have that name. */
async function movedAway(
  { controller, subsystem }: NvmeCapabilities,
  disks: FirmwareTarget['disks'],
  { root }: EraseDeps,
): Promise<string | undefined> {
  for (const { name } of disks) {
    let now: NvmeDevices | undefined
    try {
      now = await findNvmeDevices(root, name)
    } catch (error) {
      if (!(error instanceof SpeedisoError)) throw error
      return `whether ${name} is behind ${controller} cannot be read: ${explainInLine(error)}`
    }
    if (now?.controller !== controller || now.nqn !== subsystem)
      return `${name} is no longer behind ${controller}`
  }
  return undefined
}

/** A sanitize acts on every namespace of the subsystem; one without a block device belongs to all of them. */
function others({ namespaces }: NvmeCapabilities, disks: readonly { path: string }[]): string | undefined {
  const foreign = disks.filter(({ path }) => !namespaces.some((each) => each.path === path))
  if (foreign.length > 0)
    return `${foreign.map(({ path }) => path).join(', ')} is no namespace of the drive that it would erase`
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
