import type { Transport } from '../schema.ts'
import { aboveAll } from './graph.ts'
import type { BlockNode, BlockStack, Signature } from './schema.ts'

const NETWORK: Partial<Record<Transport, string>> = {
  iscsi: 'it is attached by iSCSI',
  fc: 'it is attached by Fibre Channel',
  'nvme-fabrics': 'it is attached by NVMe over Fabrics',
  srp: 'it is attached by SRP (InfiniBand)',
}

/** Types of libblkid. Ceph is not among them: a BlueStore device belongs to this host alone. */
const CLUSTER: Record<string, string> = {
  gfs2: 'a GFS2 cluster file system',
  gfs: 'a GFS cluster file system',
  ocfs: 'an OCFS cluster file system',
  ocfs2: 'an OCFS2 cluster file system',
  VMFS: 'a VMware VMFS file system',
  VMFS_volume_member: 'a volume of VMware VMFS',
  gpfs: 'an IBM Storage Scale (GPFS) disk',
  lustre: 'a Lustre file system',
  drbd: 'a DRBD volume, which other hosts hold too',
  drbdmanage_control_volume: 'the control volume of DRBD',
  drbdproxy_datalog: 'a DRBD proxy log',
}

/** GPT partition types. */
const PARTITION_TYPES: Record<string, string> = {
  '37affc90-ef7d-4e96-91c3-2d7ae055b174': 'an IBM Storage Scale (GPFS) disk',
  'aa31e02a-400f-11db-9590-000c2911d1b8': 'a volume of VMware VMFS',
  // MBR
  '0xfb': 'a volume of VMware VMFS',
}

/**
 * What shows that other hosts may use this disk too: its transport, or what lies or stands on it. Undefined: nothing
 * does, which is no proof. A device of a driver that is not known here may be one of a network (Ceph RBD, NBD, DRBD).
 * @param transport undefined: unknown
 */
export function sharedEvidence(
  transport: Transport | undefined,
  stack: Pick<BlockStack, 'nodes'>,
  name: string,
): string | undefined {
  const attached = transport === undefined ? undefined : NETWORK[transport]
  if (attached !== undefined) return attached
  for (const node of aboveAll(stack, [name])) {
    const what = ofNode(node)
    if (what !== undefined) return node.name === name ? `it holds ${what}` : `${node.name} on it is ${what}`
  }
  return transport === undefined || transport === 'other' ? 'how it is attached is not known' : undefined
}

function ofNode(node: BlockNode): string | undefined {
  for (const signature of node.signatures) {
    const what = CLUSTER[signature.type] ?? lustreTarget(signature)
    if (what !== undefined) return what
  }
  if (/^drbd\d+$/.test(node.name)) return CLUSTER.drbd
  if (node.volumeGroup?.shared) {
    return `a physical volume of the LVM volume group ${node.volumeGroup.name}, which hosts share by locks`
  }
  return PARTITION_TYPES[node.partitionType?.toLowerCase() ?? '']
}

/** Targets on ldiskfs are an ext4 to libblkid; Lustre labels them MGS, fsname-MDT0000, fsname:OST0001 (not yet joined). */
function lustreTarget({ type, label = '' }: Signature): string | undefined {
  const target = /^ext[34]/.test(type) && /^(MGS|\w{1,8}[-:=](MDT|OST)[0-9a-f]{4})$/i.test(label)
  return target ? `a Lustre target (${label})` : undefined
}
