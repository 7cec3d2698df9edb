import { readSize } from '../block/partitions.ts'
import type { Exec } from '../exec.ts'
import { absent, type Disagreement, type Finding, known, knownValue, unknown } from '../finding.ts'
import type { MachineRoot } from '../machine-root.ts'
import { MOUNTINFO, type Mount, readMounts } from './mounts.ts'
import { type LoadDiskInfo, NODE_DISK_INFO, readUsage } from './node-disk-info.ts'
import type { Filesystem, Filesystems, Usage } from './schema.ts'

/** File systems that hold data, besides those on a block device. */
const DATA_TYPES = new Set([
  ...['tmpfs', 'overlay', 'zfs', 'btrfs', 'bcachefs', 'nfs', 'nfs4', 'cifs', 'ceph', '9p', 'virtiofs'],
])

/** Mounted file systems that hold data. What is mounted is the kernel's word, usage is node-disk-info's. */
export async function readFilesystems(
  root: MachineRoot,
  exec: Exec,
  load?: LoadDiskInfo,
  signal?: AbortSignal,
): Promise<Finding<Filesystems>> {
  const mounts = await readMounts(root)
  if (mounts.status !== 'known') return mounts
  // What is mounted over another mount hides it: the last one of a mount point is what a person sees.
  const visible = [...new Map(mounts.value.map((mount) => [mount.mountPoint, mount])).values()]
  const counted = visible.filter(holdsData)
  if (counted.length === 0) return absent('no file system with data is mounted', MOUNTINFO)
  const usages = await readUsage(root, exec, load, signal)
  const disagreements: Disagreement[] = []
  const mounted: Filesystem[] = []
  for (const mount of counted) {
    mounted.push({
      device: mount.source,
      mountPoint: mount.mountPoint,
      type: mount.type,
      readOnly: mount.readOnly,
      usage: await usageOf(root, mount, usages, disagreements),
    })
  }
  return known({ mounted, notCounted: visible.length - counted.length, disagreements }, MOUNTINFO)
}

/** Bind mounts of a part show the whole's usage a second time, and are left out. */
function holdsData({ device, root, type }: Mount): boolean {
  if (type === 'tmpfs' || type === 'overlay') return true
  const onDisk = !device.startsWith('0:')
  return (onDisk || DATA_TYPES.has(type) || type.startsWith('fuse.')) && (root === '/' || type === 'btrfs')
}

async function usageOf(
  root: MachineRoot,
  mount: Mount,
  usages: Finding<ReadonlyMap<string, Usage>>,
  disagreements: Disagreement[],
): Promise<Finding<Usage>> {
  if (usages.status !== 'known') return usages
  const usage = usages.value.get(mount.mountPoint)
  if (usage === undefined) return unknown(`node-disk-info does not list ${mount.mountPoint}`, NODE_DISK_INFO)
  if (usage.usedBytes > usage.sizeBytes) return unknown('more used than there is', NODE_DISK_INFO)
  if (mount.device.startsWith('0:')) return known(usage, NODE_DISK_INFO)
  const dir = `/sys/dev/block/${mount.device}`
  const size = knownValue(await readSize(root, dir))
  if (size === undefined || usage.sizeBytes <= size) return known(usage, NODE_DISK_INFO)
  const what = `size of ${mount.mountPoint}`
  disagreements.push({
    what,
    taken: { source: `${dir}/size`, value: size },
    other: { source: NODE_DISK_INFO, value: usage.sizeBytes },
  })
  return unknown(`node-disk-info says more than its block device holds`, NODE_DISK_INFO, `${dir}/size`)
}
