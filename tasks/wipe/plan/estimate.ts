import { eraseEstimate } from '../../../src/system/drive/estimate.ts'
import type { Capabilities, FirmwareMethod } from '../../../src/system/drive/schema.ts'
import type { DiskId, EraseMethod, VerifyMode } from '../schema.ts'

/** Bytes a second, mean over a whole disk: 150 MB/s and 450 MB/s as opensea-operations assumes; NVMe over four lanes. */
const RATE = { rotating: 150e6, flash: 450e6, nvme: 1500e6, usb: 100e6, mmc: 80e6 } as const

/** What samplePlaces reads: two places of a twentieth of each of 1,000 sections (NIST SP 800-88r1, 4.7.2). */
const SAMPLED = 0.1

function rateOf({ transport, rotational }: DiskId): number {
  if (transport === 'usb') return RATE.usb
  if (transport === 'mmc') return RATE.mmc
  if (transport === 'nvme' || transport === 'nvdimm') return RATE.nvme
  // Unknown counts as rotating: better too long than too short.
  return rotational === false ? RATE.flash : RATE.rotating
}

/** Seconds of a whole pass. */
function passSeconds(disk: DiskId, sizeBytes: number): number {
  return sizeBytes / rateOf(disk)
}

/** Seconds of reading back; null where the size comes only with a format. */
export function verifySeconds(disk: DiskId, sizeBytes: number, mode: VerifyMode): number | null {
  if (sizeBytes === 0) return null
  return Math.ceil(passSeconds(disk, sizeBytes) * (mode === 'full' ? 1 : mode === 'sample' ? SAMPLED : 0))
}

/** Seconds by the drive's own word; null: it does not say. */
export type FirmwareSeconds = (method: FirmwareMethod, capabilities: Capabilities) => number | null

/** Seconds that a method takes for these disks, one after another where it does not take them at once; null: unknown. */
export function eraseSeconds(
  method: EraseMethod,
  scope: 'drive' | 'disk',
  disks: readonly { id: DiskId; sizeBytes: number; capabilities: Capabilities }[],
  passes: number,
  firmware: FirmwareSeconds = eraseEstimate,
): number | null {
  const seconds: number[] = []
  for (const { id, sizeBytes, capabilities } of disks) {
    const known = oneSeconds(method, id, sizeBytes, capabilities, passes, firmware)
    if (known === null) return null
    seconds.push(known)
  }
  return Math.ceil(scope === 'drive' ? Math.max(...seconds) : seconds.reduce((sum, each) => sum + each, 0))
}

function oneSeconds(
  method: EraseMethod,
  id: DiskId,
  sizeBytes: number,
  capabilities: Capabilities,
  passes: number,
  firmware: FirmwareSeconds,
): number | null {
  if (method === 'signatures') return 1
  const pass = sizeBytes === 0 ? null : passSeconds(id, sizeBytes)
  if (method === 'overwrite') return pass === null ? null : passes * pass
  const stated = firmware(method, capabilities)
  if (stated !== null) return stated
  // A drive writes all of itself no faster when it does so by itself.
  return method.endsWith('-overwrite') || method === 'scsi-format' ? pass : null
}
