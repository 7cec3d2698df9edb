import type { Transport } from '../block/schema.ts'
import { type Finding, known, unknown } from '../finding.ts'
import { readAtaCapabilities } from './ata/capabilities.ts'
import type { ReadDeps } from './deps.ts'
import { readNvmeCapabilities } from './nvme/capabilities.ts'
import type { Capabilities } from './schema.ts'
import { readScsiCapabilities } from './scsi/capabilities.ts'

/**
 * What a drive's own firmware offers for erasing it. Changes nothing. `plain` where its commands must not or cannot be
 * used: behind USB bridges and RAID controllers they reach something else or break it, on a network they are not one's own.
 */
export async function readCapabilities(
  disk: { name: string; path: string; transport: Transport | undefined },
  deps: ReadDeps,
): Promise<Finding<Capabilities>> {
  const { name, path, transport } = disk
  const source = `/sys/block/${name}`
  switch (transport) {
    case undefined:
      return unknown('how the disk is attached is not known', source)
    case 'nvme':
      return readNvmeCapabilities(name, deps)
    case 'sata':
    case 'ata':
      return readAtaCapabilities(path, deps)
    case 'sas':
    case 'scsi':
      return readScsiCapabilities(disk, deps)
    default:
      return known<Capabilities>({ kind: 'plain' }, source)
  }
}
