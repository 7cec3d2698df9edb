import type { Capabilities, FirmwareMethod } from './schema.ts'

/** Seconds that an erase will take by the drive's own word; null: it does not say. */
export function eraseEstimate(method: FirmwareMethod, capabilities: Capabilities): number | null {
  if (capabilities.kind === 'nvme') {
    const { sanitizeSeconds } = capabilities
    if (method === 'nvme-sanitize-crypto') return sanitizeSeconds?.crypto ?? null
    if (method === 'nvme-sanitize-block') return sanitizeSeconds?.block ?? null
    if (method === 'nvme-sanitize-overwrite') return sanitizeSeconds?.overwrite ?? null
  }
  if (capabilities.kind === 'ata') {
    const { eraseMinutes, enhancedMinutes } = capabilities.security
    if (method === 'ata-security-erase') return eraseMinutes === null ? null : eraseMinutes * 60
    if (method === 'ata-security-erase-enhanced')
      return enhancedMinutes === null ? null : enhancedMinutes * 60
  }
  return null
}
