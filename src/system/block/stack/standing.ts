import { posix } from 'node:path'
import { ToolMissingError } from '../../../errors.ts'
import type { Exec } from '../../exec.ts'
import type { MachineRoot } from '../../machine-root.ts'
import { readDevices } from './devices.ts'
import { readLoops, readPools, readSpanning } from './joined.ts'
import { type MountLine, mountOf, overlayDirs, readMountTable, readSwaps } from './mount-table.ts'
import type { BlockNode, BlockStack, StackMount } from './schema.ts'

/** File systems whose device number says nothing of the devices that they lie on. */
const SPANNING = new Set(['btrfs', 'bcachefs'])

/** What stands on what, without what lies on the devices. */
export interface Standing
  extends Pick<BlockStack, 'nodes' | 'mounts' | 'swapFiles' | 'pools' | 'unreadable'> {
  /** Devices of file systems that the kernel has in use, but at no mount point that this process sees. */
  hidden: string[]
}

/** Finds the block device behind a path such as /dev/mapper/root or /dev/disk/by-id/…; undefined: there is none. */
export type FindNode = (path: string) => Promise<string | undefined>

const askNobody: Exec = async (file) => {
  throw new ToolMissingError(`${file}: not asked`)
}

/**
 * Reads what stands on the machine's disks at this moment. Without `exec` no program is asked, and a loop device is
 * traced by the path of its file only.
 * @throws ReadError when devices or mounts are not shown at all
 */
export async function readStanding(
  root: MachineRoot,
  exec: Exec = askNobody,
  signal?: AbortSignal,
): Promise<Standing> {
  const { nodes, unreadable } = await readDevices(root)
  const [lines, swaps, spanning, loops, { pools, trouble }] = await Promise.all([
    readMountTable(root),
    readSwaps(root),
    readSpanning(root),
    readLoops(exec, signal),
    readPools(root, exec, signal),
  ])
  const find = createFinder(root, nodes)
  const mounts = await Promise.all(lines.map((line) => readMount(root, line, lines, nodes, spanning, find)))
  const hidden = claimHidden(mounts, spanning)
  for (const name of hidden) {
    unreadable[name] ??= 'a file system on it is in use where this process does not see it'
  }
  const standing: Standing = { nodes, mounts, swapFiles: [], pools: [], unreadable, hidden }
  for (const { name, paths } of pools) standing.pools.push({ name, on: await findAll(find, paths) })
  if (trouble !== undefined) {
    for (const node of nodes) if (node.kind === 'disk') unreadable[node.name] ??= trouble
  }
  for (const node of nodes) {
    if (node.kind === 'loop') await traceLoop(node, loops.get(node.name), standing, find)
    node.mounts = mounts.filter(({ on }) => on.includes(node.name)).map(({ mountPoint }) => mountPoint)
  }
  for (const { path, kind } of swaps) {
    const name = kind === 'partition' ? await find(path) : undefined
    const node = nodes.find((each) => each.name === name)
    if (node !== undefined) node.swap = true
    else {
      const dev = mountOf(lines, path)?.dev
      standing.swapFiles.push({ path, ...(dev === undefined || kind === 'partition' ? {} : { dev }) })
    }
  }
  return standing
}

export function createFinder(root: MachineRoot, nodes: readonly BlockNode[]): FindNode {
  const names = new Map<string, string>()
  for (const { name, path, dmName } of nodes) {
    names.set(path, name)
    if (dmName !== undefined) names.set(`/dev/mapper/${dmName}`, name)
  }
  return async (path) => names.get(path) ?? names.get(await realPath(root, path))
}

async function findAll(find: FindNode, paths: readonly string[]): Promise<string[]> {
  return (await Promise.all(paths.map(find))).filter((name) => name !== undefined)
}

/** Without symbolic links on the way; what is not there stays as it is. */
async function realPath(root: MachineRoot, path: string): Promise<string> {
  let parts = path.split('/').filter((part) => part !== '')
  let at = '/'
  for (let links = 0; parts.length > 0; ) {
    const [part = '', ...rest] = parts
    const next = posix.join(at, part)
    // A dead network mount or a loop of links: the path as it is has to do.
    const link = links < 40 ? await root.readLink(next).catch(() => undefined) : undefined
    parts = rest
    if (link === undefined) at = next
    else {
      links += 1
      parts = [
        ...posix
          .resolve(at, link)
          .split('/')
          .filter((each) => each !== ''),
        ...rest,
      ]
      at = '/'
    }
  }
  return at
}

async function readMount(
  root: MachineRoot,
  line: MountLine,
  lines: readonly MountLine[],
  nodes: readonly BlockNode[],
  spanning: readonly string[][],
  find: FindNode,
): Promise<StackMount> {
  const { id, parent, dev, mountPoint, type, source, readOnly, options } = line
  const mount: StackMount = {
    id,
    parent,
    dev,
    mountPoint,
    type,
    source,
    readOnly,
    on: [],
    uses: [],
    lost: [],
  }
  if (type === 'zfs') return { ...mount, pool: source.split('/')[0] ?? source }
  if (type === 'overlay') {
    for (const dir of overlayDirs(options)) {
      // A mount does not carry itself: an overlay at / hides what its directories were named by.
      const carrier = mountOf(
        lines.filter((each) => each.id !== id),
        await realPath(root, dir),
      )
      if (carrier === undefined || (mountPoint === '/' && carrier.mountPoint === '/')) mount.lost.push(dir)
      else if (!mount.uses.includes(carrier.id)) mount.uses.push(carrier.id)
    }
    return mount
  }
  const direct = nodes.find((node) => node.dev !== '' && node.dev === dev)
  const named = direct === undefined && SPANNING.has(type) ? await findAll(find, source.split(':')) : []
  const members = new Set(direct === undefined ? named : [direct.name])
  for (const group of spanning) {
    if (group.some((name) => members.has(name))) for (const name of group) members.add(name)
  }
  return { ...mount, on: [...members] }
}

/** Gives devices that are in use to mounts of which the devices were not found; what remains is mounted elsewhere. */
function claimHidden(mounts: readonly StackMount[], spanning: readonly string[][]): string[] {
  const claimed = new Set(mounts.flatMap(({ on }) => on))
  const free = spanning.filter((group) => !group.some((name) => claimed.has(name))).flat()
  const homeless = mounts.filter(({ type, on }) => SPANNING.has(type) && on.length === 0)
  for (const mount of homeless) mount.on.push(...free)
  return homeless.length === 0 ? free : []
}

async function traceLoop(
  node: BlockNode,
  dev: string | undefined,
  standing: Standing,
  find: FindNode,
): Promise<void> {
  const file = node.backingFile ?? ''
  // A loop device over a block device: its file lies in devtmpfs, its data does not.
  const device = await find(file)
  if (device !== undefined) {
    node.on = [device]
    return
  }
  const backing = dev ?? (file.endsWith(' (deleted)') ? undefined : mountOf(standing.mounts, file)?.dev)
  if (backing === undefined) return
  node.backingDev = backing
  const below = standing.nodes.find((each) => each.dev === backing)
  const on = standing.mounts.find((each) => each.dev === backing)?.on
  const pool = standing.mounts.find((each) => each.dev === backing)?.pool
  node.on = on ?? standing.pools.find(({ name }) => name === pool)?.on ?? []
  if (node.on.length === 0 && below !== undefined) node.on = [below.name]
}
