import { readFlag, readNumber } from '../attribute.ts'
import { absent, known, unknown } from '../finding.ts'
import type { MachineRoot } from '../machine-root.ts'
import { BLOCK } from './list.ts'
import { readHolders, readPartitions, readSize } from './partitions.ts'
import type { Disk } from './schema.ts'

export function isLoop(name: string): boolean {
  return /^loop\d+$/.test(name)
}

/** Names of the loop devices that have a file. */
export async function listLoops(root: MachineRoot): Promise<string[]> {
  const names = ((await root.list(BLOCK)) ?? []).filter(isLoop)
  const attached = await Promise.all(names.map((name) => root.exists(`${BLOCK}/${name}/loop/backing_file`)))
  return names.filter((_, index) => attached[index])
}

/** A loop device as a disk: it has no identity but its file. Undefined: there is none of this name with a file. */
export async function readLoopDisk(root: MachineRoot, name: string): Promise<Disk | undefined> {
  const dir = `${BLOCK}/${name}`
  const file = await root.readText(`${dir}/loop/backing_file`)
  if (file === undefined) return undefined
  const none = absent('a loop device has none', dir)
  return {
    name,
    path: `/dev/${name}`,
    transport: known('other', dir),
    vendor: none,
    model: file === '' ? unknown('its file is not told', dir) : known(file, `${dir}/loop/backing_file`),
    serial: none,
    wwn: none,
    firmware: none,
    sizeBytes: await readSize(root, dir),
    logicalSectorBytes: await readNumber(root, `${dir}/queue/logical_block_size`, 1),
    physicalSectorBytes: await readNumber(root, `${dir}/queue/physical_block_size`, 1),
    rotational: await readFlag(root, `${dir}/queue/rotational`),
    readOnly: await readFlag(root, `${dir}/ro`),
    removable: await readFlag(root, `${dir}/removable`),
    pciAddress: none,
    byPath: none,
    partitions: await readPartitions(root, name),
    holders: await readHolders(root, dir),
  }
}
