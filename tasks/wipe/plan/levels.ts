import type { EraseMethod, Level } from '../schema.ts'

/**
 * What each method reaches, after IEEE 2883 as Seagate's opensea-operations maps it (operations.c): every sanitize and the
 * enhanced security erase purge; a cryptographic NVMe format purges only if the maker says so; the rest clears.
 */
export const LEVEL_OF: Readonly<Record<EraseMethod, Level>> = {
  'nvme-sanitize-crypto': 'purge',
  'nvme-sanitize-block': 'purge',
  'nvme-sanitize-overwrite': 'purge',
  'nvme-format-crypto': 'possible purge',
  'nvme-format-user-data': 'clear',
  'ata-sanitize-crypto': 'purge',
  'ata-sanitize-block': 'purge',
  'ata-sanitize-overwrite': 'purge',
  'ata-security-erase-enhanced': 'purge',
  'ata-security-erase': 'clear',
  'scsi-sanitize-crypto': 'purge',
  'scsi-sanitize-block': 'purge',
  'scsi-sanitize-overwrite': 'purge',
  'scsi-format': 'clear',
  overwrite: 'clear',
  signatures: 'none',
}

export function isSanitize(method: EraseMethod): boolean {
  return method.includes('-sanitize-')
}
