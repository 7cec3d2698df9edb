/** Transports by which a disk may be somebody else's too. */
const NETWORKED = new Set(['fc', 'iscsi', 'nvme-fabrics', 'srp'])

export function isNetworked(transport: string): boolean {
  return NETWORKED.has(transport)
}
