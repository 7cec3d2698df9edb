import type { TaskContext } from '../../src/runtime/task.ts'
import { readNamedDisk } from '../../src/system/block/disks.ts'
import { BLOCK } from '../../src/system/block/list.ts'
import { isLoop, readLoopDisk } from '../../src/system/block/loop.ts'
import { readPartitions } from '../../src/system/block/partitions.ts'
import type { Disk } from '../../src/system/block/schema.ts'
import { knownValue } from '../../src/system/finding.ts'
import type { DiskId } from './schema.ts'

type Reading = Pick<TaskContext, 'root' | 'exec' | 'signal'>

/** Everything that tells this disk from others; what is not known is left out. */
export function diskIdOf(disk: Disk, { dev, diskseq }: Numbers): DiskId {
  const { name, path } = disk
  const maybe = (key: 'serial' | 'wwn' | 'model' | 'firmware') => {
    const value = knownValue(disk[key])
    return value === undefined ? {} : { [key]: value }
  }
  return {
    name,
    path,
    dev,
    ...(diskseq === undefined ? {} : { diskseq }),
    ...maybe('serial'),
    ...maybe('wwn'),
    ...maybe('model'),
    ...maybe('firmware'),
    transport: knownValue(disk.transport) ?? 'unknown',
    sizeBytes: knownValue(disk.sizeBytes) ?? 0,
    sectorBytes: knownValue(disk.logicalSectorBytes) ?? 0,
    rotational: knownValue(disk.rotational) ?? null,
  }
}

type Numbers = Pick<DiskId, 'dev' | 'diskseq'>

/** The kernel's own numbers of a disk; `diskseq` is never given twice, so that another disk of the same name is noticed. */
export async function readNumbers(name: string, { root }: Pick<Reading, 'root'>): Promise<Numbers> {
  const read = (file: string) => root.readText(`${BLOCK}/${name}/${file}`).catch(() => undefined)
  const diskseq = await read('diskseq')
  return { dev: (await read('dev')) ?? '', ...(diskseq === undefined ? {} : { diskseq }) }
}

/** The disk that has this name now; undefined: none has. */
export async function readDiskId(name: string, ctx: Reading): Promise<DiskId | undefined> {
  const { root, exec, signal } = ctx
  const disk = isLoop(name) ? await readLoopDisk(root, name) : await readNamedDisk(root, exec, name, signal)
  return disk === undefined ? undefined : diskIdOf(disk, await readNumbers(name, ctx))
}

/** Paths of the partitions that the kernel has of a disk. */
export async function partitionPaths(name: string, { root }: Pick<Reading, 'root'>): Promise<string[]> {
  const partitions = knownValue(await readPartitions(root, name)) ?? []
  return partitions.map((each) => `/dev/${each.name.replaceAll('!', '/')}`)
}

const SAME = [
  'name',
  'dev',
  'diskseq',
  'serial',
  'wwn',
  'model',
  'transport',
  'sizeBytes',
  'sectorBytes',
] as const

/** In what a disk differs from the one that was planned for, in words; undefined: it is the same one. */
export function difference(planned: DiskId, now: DiskId): string | undefined {
  const wrong = SAME.filter((key) => planned[key] !== now[key])
  if (wrong.length === 0) return undefined
  return wrong
    .map((key) => `${key} is ${now[key] ?? 'not stated'}, was ${planned[key] ?? 'not stated'}`)
    .join(', ')
}

/** Read anew, right before anything is done to it: why this is not the disk that was planned for, or undefined. */
export async function mistaken(planned: DiskId, ctx: Reading): Promise<string | undefined> {
  const now = await readDiskId(planned.name, ctx)
  if (now === undefined) return `${planned.path} is not there any more`
  const differs = difference(planned, now)
  return differs === undefined
    ? undefined
    : `${planned.path} is not the disk that was planned for: ${differs}`
}
