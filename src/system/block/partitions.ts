import { readEntries, readFailure, readNumber } from '../attribute.ts'
import { absent, type Finding, known, mapKnown, unknown } from '../finding.ts'
import type { MachineRoot } from '../machine-root.ts'
import { BLOCK } from './list.ts'
import type { Partition } from './schema.ts'

/** The kernel counts sizes in units of 512 bytes, whatever the disk's sectors are. */
export const SIZE_UNIT = 512

export async function readSize(root: MachineRoot, dir: string): Promise<Finding<number>> {
  return mapKnown(await readNumber(root, `${dir}/size`), (units) => units * SIZE_UNIT)
}

export async function readPartitions(root: MachineRoot, disk: string): Promise<Finding<Partition[]>> {
  const dir = `${BLOCK}/${disk}`
  try {
    const names = (await root.list(dir)) ?? []
    const partitions: Partition[] = []
    for (const name of names) {
      if (!name.startsWith(disk) || !(await root.exists(`${dir}/${name}/partition`))) continue
      partitions.push({
        name,
        number: await readNumber(root, `${dir}/${name}/partition`),
        sizeBytes: await readSize(root, `${dir}/${name}`),
        holders: await readHolders(root, `${dir}/${name}`),
      })
    }
    if (partitions.length === 0) return absent('the kernel sees no partition', dir)
    partitions.sort((a, b) => a.name.length - b.name.length || (a.name < b.name ? -1 : 1))
    return known(partitions, dir)
  } catch (error) {
    return unknown(readFailure(error), dir)
  }
}

/** Names of the block devices (md, device-mapper, bcache) that stand on this one. */
export async function readHolders(root: MachineRoot, dir: string): Promise<Finding<string[]>> {
  const names = await readEntries(root, `${dir}/holders`)
  return names.status === 'known' && names.value.length === 0
    ? absent('nothing stands on it', `${dir}/holders`)
    : names
}
