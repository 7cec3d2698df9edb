import { ReadError } from '../../../errors.ts'
import type { MachineRoot } from '../../machine-root.ts'
import { listBlockDevices } from '../list.ts'
import { SIZE_UNIT } from '../partitions.ts'
import { readUdev } from '../udev.ts'
import type { BlockNode } from './schema.ts'

const CLASS = '/sys/class/block'
export const BCACHE_SETS = '/sys/fs/bcache'

/** Memory of the machine and floppy drives: nothing of a disk is in them. */
const LEFT_OUT = /^(ram\d|fd\d)/

export interface Devices {
  nodes: BlockNode[]
  unreadable: Record<string, string>
}

/** What the kernel has of block devices, and what each stands on. @throws ReadError when it shows none at all */
export async function readDevices(root: MachineRoot): Promise<Devices> {
  const names = await root.list(CLASS)
  if (names === undefined) throw new ReadError(`${CLASS} is not there: block devices are unknown`)
  const list = await listBlockDevices(root)
  if (list.status !== 'known') throw new ReadError(`block devices are unknown: ${list.reason}`)
  const disks = new Set(list.value.disks.map(({ name }) => name))
  const found: Devices = { nodes: [], unreadable: {} }
  for (const name of names) {
    if (LEFT_OUT.test(name)) continue
    try {
      const node = await readNode(root, name, disks)
      if (node !== undefined) found.nodes.push(node)
    } catch (error) {
      if (!(error instanceof ReadError)) throw error
      found.unreadable[name] = `not readable: ${error.message}`
    }
  }
  await addContainers(root, found.nodes)
  await addCacheSets(root, found.nodes)
  return found
}

async function readNode(
  root: MachineRoot,
  name: string,
  disks: ReadonlySet<string>,
): Promise<BlockNode | undefined> {
  const dir = `${CLASS}/${name}`
  const size = await root.readText(`${dir}/size`)
  // It went away while it was looked at.
  if (size === undefined) return undefined
  const node: BlockNode = {
    name,
    path: `/dev/${name.replaceAll('!', '/')}`,
    dev: (await root.readText(`${dir}/dev`)) ?? '',
    kind: 'other',
    sizeBytes: Number(size) * SIZE_UNIT,
    readOnly: (await root.readText(`${dir}/ro`)) === '1',
    on: (await root.list(`${dir}/slaves`)) ?? [],
    mounts: [],
    swap: false,
    signatures: [],
  }
  const place = (await root.readLink(dir)) ?? ''
  const uuid = await root.readText(`${dir}/dm/uuid`)
  const dmName = await root.readText(`${dir}/dm/name`)
  if (await root.exists(`${dir}/partition`)) {
    const disk = place.split('/').at(-2)
    if (disk === undefined) throw new ReadError(`${dir} does not say its disk`)
    const type =
      node.dev === '' ? undefined : (await readUdev(root, node.dev))?.properties.get('ID_PART_ENTRY_TYPE')
    return { ...node, kind: 'partition', on: [disk], ...(type === undefined ? {} : { partitionType: type }) }
  }
  if (dmName !== undefined) return { ...node, kind: 'dm', dmName, dmRole: dmRole(uuid ?? '') }
  if (/^loop\d+$/.test(name)) {
    const file = await root.readText(`${dir}/loop/backing_file`)
    // A loop device without a file is not set up.
    return file === undefined ? undefined : { ...node, kind: 'loop', backingFile: file }
  }
  if (await root.exists(`${dir}/md`)) {
    // An array that is stopped leaves its device behind.
    const state = await root.readText(`${dir}/md/array_state`)
    return state === 'clear' && node.on.length === 0 ? undefined : { ...node, kind: 'md' }
  }
  if (/^bcache\d+$/.test(name)) return { ...node, kind: 'bcache' }
  if (disks.has(name)) return { ...node, kind: 'disk' }
  // zram can move pages to a disk.
  const backing = await root.readText(`${dir}/backing_dev`)
  if (backing?.startsWith('/dev/')) return { ...node, on: [backing.slice('/dev/'.length)] }
  return node
}

/** Prefixes of device-mapper UUIDs: LVM2, cryptsetup, multipath-tools, dmraid. */
function dmRole(uuid: string): BlockNode['dmRole'] {
  if (uuid.startsWith('LVM-')) return 'lvm'
  if (/^CRYPT-/.test(uuid)) return 'crypt'
  if (uuid.startsWith('mpath-')) return 'multipath'
  return uuid.startsWith('DMRAID-') ? 'raid' : 'other'
}

/** The volume of an IMSM or DDF container has the disks as members, but its container has to be stopped after it. */
async function addContainers(root: MachineRoot, nodes: BlockNode[]): Promise<void> {
  const names = new Set(nodes.map(({ name }) => name))
  for (const node of nodes) {
    if (node.kind !== 'md') continue
    const version = await root.readText(`${CLASS}/${node.name}/md/metadata_version`).catch(() => undefined)
    const container = /^external:[/-](md[^/]*)\//.exec(version ?? '')?.[1]
    if (container !== undefined && names.has(container) && !node.on.includes(container))
      node.on.push(container)
  }
}

/** A cache set holds its caching disks by itself, with or without a bcache device on top. */
async function addCacheSets(root: MachineRoot, nodes: BlockNode[]): Promise<void> {
  const sets = ((await root.list(BCACHE_SETS)) ?? []).filter((name) => /^[0-9a-f-]{36}$/.test(name))
  for (const name of sets) {
    const dir = `${BCACHE_SETS}/${name}`
    const links = (await root.list(dir)) ?? []
    const nameBehind = async (link: string) => (await root.readLink(`${dir}/${link}`))?.split('/').at(-2)
    const of = async (pattern: RegExp) =>
      (await Promise.all(links.filter((link) => pattern.test(link)).map(nameBehind))).filter(
        (each) => each !== undefined,
      )
    const caches = await of(/^cache\d+$/)
    const backing = await of(/^bdev\d+$/)
    nodes.push({
      name,
      path: dir,
      dev: '',
      kind: 'bcache',
      sizeBytes: 0,
      readOnly: false,
      on: caches,
      mounts: [],
      swap: false,
      signatures: [],
    })
    for (const node of nodes) {
      const uses = node.kind === 'bcache' && node.name !== name
      if (uses && node.on.some((below) => backing.includes(below) || caches.includes(below)))
        node.on.push(name)
    }
  }
}
