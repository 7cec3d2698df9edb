import { createPublicKey } from 'node:crypto'
import { ReadError } from '../../src/errors.ts'
import type { TaskContext } from '../../src/runtime/task.ts'
import { readDisks } from '../../src/system/block/disks.ts'
import { BLOCK } from '../../src/system/block/list.ts'
import { listLoops, readLoopDisk } from '../../src/system/block/loop.ts'
import { noteEmptyControllers } from '../../src/system/block/notes.ts'
import type { Disk, Disks } from '../../src/system/block/schema.ts'
import { readBlockStack } from '../../src/system/block/stack/read.ts'
import { sharedEvidence } from '../../src/system/block/stack/shared.ts'
import { readCapabilities } from '../../src/system/drive/capabilities.ts'
import type { Capabilities } from '../../src/system/drive/schema.ts'
import { type Finding, known, knownValue } from '../../src/system/finding.ts'
import { readHostIdentity } from '../../src/system/identity.ts'
import { mapLimit } from '../../src/system/map-limit.ts'
import { fingerprint, readImageKey } from './certificate/keys.ts'
import { diskIdOf, readNumbers } from './identify.ts'
import type { WipeDisk, WipeFacts } from './schema.ts'

/** Drives that are asked beside each other. */
const AT_ONCE = 8

/** Every disk of the machine, what it can do and what is on it. Changes nothing. @throws ReadError when the disks cannot be listed */
export async function readFacts(ctx: TaskContext): Promise<WipeFacts> {
  const { root, exec, signal } = ctx
  const host = await readHostIdentity(root, exec)
  const found = await readDisks(root, exec, signal)
  if (found.status === 'unknown') throw new ReadError(`the disks cannot be read: ${found.reason}`)
  const { disks: real, driverless } = found.status === 'known' ? found.value : NONE
  const stack = await readBlockStack(root, exec, signal)
  const disks = await mapLimit(real, AT_ONCE, (disk) => describeDisk(disk, ctx))
  for (const name of await listLoops(root)) {
    const disk = await readLoopDisk(root, name)
    if (disk !== undefined) disks.push(await describeLoop(disk, ctx))
  }
  const shared: WipeFacts['shared'] = {}
  for (const { id, disk, virtual } of disks) {
    if (virtual) continue
    const evidence = sharedEvidence(knownValue(disk.transport), stack, id.name)
    if (evidence !== undefined) shared[id.name] = evidence
  }
  const volumes = real.filter((disk) => knownValue(disk.transport) === 'raid')
  const unseen = [
    ...(knownValue(driverless) ?? []).map(
      ({ address }) => `no driver for the storage controller at ${address}`,
    ),
    ...volumes.map(({ path }) => `${path} is a RAID volume: the drives behind its controller are not seen`),
    ...(await noteEmptyControllers(root)),
  ]
  // Before anything is erased: a key that is none would be found when it is too late.
  const key = await readImageKey(root)
  const signer = key === undefined ? null : fingerprint(createPublicKey(key))
  return { host, disks, shared, stack, unseen, signer }
}

const NONE: Pick<Disks, 'disks' | 'driverless'> = {
  disks: [],
  driverless: known([], BLOCK),
}

async function describeDisk(disk: Disk, ctx: TaskContext): Promise<WipeDisk> {
  const { name, path } = disk
  const transport = knownValue(disk.transport)
  const capabilities = await readCapabilities({ name, path, transport }, ctx)
  return {
    id: diskIdOf(disk, await readNumbers(name, ctx)),
    disk,
    capabilities,
    drive: driveOf(disk, capabilities),
    virtual: false,
    ...(await readQueue(name, ctx)),
  }
}

async function describeLoop(disk: Disk, ctx: TaskContext): Promise<WipeDisk> {
  return {
    id: diskIdOf(disk, await readNumbers(disk.name, ctx)),
    disk,
    capabilities: known({ kind: 'plain' }, BLOCK),
    drive: disk.name,
    virtual: true,
    ...(await readQueue(disk.name, ctx)),
  }
}

/** Namespaces of one NVMe subsystem are one drive. */
function driveOf(disk: Disk, capabilities: Finding<Capabilities>): string {
  const value = knownValue(capabilities)
  // Some makers give all their drives one NQN.
  if (value?.kind === 'nvme') return `${value.subsystem} ${knownValue(disk.serial) ?? value.controller}`
  return /^(nvme\d+)n\d+$/.exec(disk.name)?.[1] ?? disk.name
}

async function readQueue(
  name: string,
  { root }: TaskContext,
): Promise<{ discard: boolean; zoned: string | null }> {
  const read = (attribute: string) =>
    root.readText(`${BLOCK}/${name}/queue/${attribute}`).catch(() => undefined)
  return {
    discard: Number(await read('discard_max_bytes')) > 0,
    zoned: (await read('zoned')) ?? null,
  }
}
