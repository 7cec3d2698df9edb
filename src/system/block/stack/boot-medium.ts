import { belowAll, disksBelow } from './graph.ts'
import { isWithin } from './mount-table.ts'
import type { BlockNode, BlockStack, StackMount } from './schema.ts'
import type { Standing } from './standing.ts'

/** Where a running system has its own files: its root, its boot folders, and what dracut or live-boot keep below /run. */
const OWN = ['/', '/usr', '/boot', '/boot/efi', '/efi', '/run/rootfsbase']
const OWN_FOLDERS = ['/run/initramfs', '/run/live', '/lib/live', '/run/overlayfs']

/** No disk of this machine is behind these. */
const MEMORY = new Set(
  `tmpfs ramfs rootfs devtmpfs proc sysfs devpts mqueue hugetlbfs cgroup cgroup2 securityfs debugfs tracefs pstore bpf
  configfs efivarfs autofs binfmt_misc fusectl nsfs rpc_pipefs selinuxfs`.split(/\s+/),
)
const NETWORK = new Set(
  'nfs nfs4 cifs smb3 ceph 9p virtiofs lustre glusterfs fuse.glusterfs fuse.ceph fuse.ceph-fuse fuse.sshfs'.split(
    ' ',
  ),
)

export interface BootMedium {
  boot: Record<string, string>
  untraced: string[]
}

/** Disks that this system runs from. What leads neither to a device nor to memory is told as untraced. */
export function findBootMedium(
  standing: Pick<Standing, 'nodes' | 'mounts' | 'pools' | 'hidden'>,
  cmdline: string,
): BootMedium {
  const found: BootMedium = { boot: {}, untraced: [] }
  const own = standing.mounts.filter(isOwn)
  if (!own.some(({ mountPoint }) => mountPoint === '/')) found.untraced.push('/: its mount is not seen')
  for (const mount of own) {
    const { nodes, lost } = traceMount(standing, mount)
    for (const disk of disksBelow(standing, nodes)) {
      found.boot[disk] ??= `this system runs from it: ${mount.mountPoint} (${mount.type}) lies on it`
    }
    for (const reason of lost) {
      const line = `${mount.mountPoint}: ${reason}`
      if (!found.untraced.includes(line)) found.untraced.push(line)
    }
  }
  const named = rootOf(cmdline)
  const nodes = named === undefined ? [] : standing.nodes.filter((node) => isNamed(node, named.device))
  for (const disk of disksBelow(
    standing,
    nodes.map(({ name }) => name),
  )) {
    found.boot[disk] ??= `the kernel command line names it as boot medium: ${named?.word}`
  }
  return found
}

function isOwn({ mountPoint }: StackMount): boolean {
  return OWN.includes(mountPoint) || OWN_FOLDERS.some((folder) => isWithin(mountPoint, folder))
}

interface Trace {
  nodes: Set<string>
  lost: string[]
}

function traceMount(
  standing: Pick<Standing, 'nodes' | 'mounts' | 'pools' | 'hidden'>,
  first: StackMount,
): Trace {
  const trace: Trace = { nodes: new Set(), lost: [] }
  const seen = new Set<number>()
  const visit = (mount: StackMount) => {
    if (seen.has(mount.id)) return
    seen.add(mount.id)
    const { type, dev, pool } = mount
    trace.lost.push(
      ...mount.lost.map((dir) => `the folder ${dir} of its overlay is on no mount that is seen`),
    )
    for (const id of mount.uses) {
      const used = standing.mounts.find((each) => each.id === id)
      if (used !== undefined) visit(used)
    }
    const on = pool === undefined ? mount.on : (standing.pools.find(({ name }) => name === pool)?.on ?? [])
    for (const node of belowAll(standing, on)) {
      if (trace.nodes.has(node.name)) continue
      trace.nodes.add(node.name)
      if (node.kind === 'loop' && node.on.length === 0) visitFile(node)
    }
    if (on.length > 0 || type === 'overlay' || MEMORY.has(type) || NETWORK.has(type)) return
    trace.lost.push(dev.startsWith('0:') ? `${type} on unknown devices` : `the device ${dev} is not seen`)
  }
  const visitFile = ({ name, backingFile, backingDev: dev }: BlockNode) => {
    const file = `${name} has the file ${backingFile}`
    const carrier = standing.mounts.find((mount) => mount.dev === dev)
    if (carrier !== undefined) visit(carrier)
    else if (dev === undefined) trace.lost.push(`${file}, of which the device is unknown`)
    else if (!dev.startsWith('0:')) trace.lost.push(`${file} on the device ${dev}, which is not seen`)
    // What is mounted nowhere and is no file system of several devices is the memory that the initramfs was in.
    else if (standing.hidden.length > 0 || standing.pools.length > 0) {
      trace.lost.push(`${file} on a file system that is mounted elsewhere`)
    }
  }
  visit(first)
  return trace
}

/** `root=` of the kernel command line, without the word that says how it is booted. */
function rootOf(cmdline: string): { word: string; device: string } | undefined {
  const word = cmdline
    .split(/\s+/)
    .filter((each) => each.startsWith('root='))
    .at(-1)
    ?.replaceAll('"', '')
  return word === undefined
    ? undefined
    : { word, device: word.slice('root='.length).replace(/^(live|block):/, '') }
}

function isNamed(node: Pick<BlockStack, 'nodes'>['nodes'][number], device: string): boolean {
  if (node.path === device || (node.dmName !== undefined && device === `/dev/mapper/${node.dmName}`))
    return true
  const [, key, value] =
    /^(?:CD)?(LABEL|UUID)=(.+)$/.exec(device) ?? /^\/dev\/disk\/by-(label|uuid)\/(.+)$/.exec(device) ?? []
  if (key === undefined || value === undefined) return false
  return node.signatures.some(({ label, uuid }) =>
    key.toUpperCase() === 'LABEL' ? label === value : uuid?.toLowerCase() === value.toLowerCase(),
  )
}
