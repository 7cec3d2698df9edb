import type { StepContext, StepOutcome } from '../../../src/runtime/task.ts'
import { readDisks } from '../../../src/system/block/disks.ts'
import { isLoop, readLoopDisk } from '../../../src/system/block/loop.ts'
import type { Disk } from '../../../src/system/block/schema.ts'
import { difference, diskIdOf, readNumbers } from '../identify.ts'
import type { DiskId, WipeKinds } from '../schema.ts'

/** Reads all disks once more: nothing is begun on a machine that is not the one that was planned for. */
export async function checkDisks(params: WipeKinds['check-disks'], ctx: StepContext): Promise<StepOutcome> {
  const planned = new Map(params.disks.map((disk) => [disk.name, disk]))
  const now = await readAll([...planned.keys()], ctx)
  if (typeof now === 'string') return { verdict: 'failed', reason: now, evidence: {} }
  const wrong = [...planned.values()].flatMap((disk) => {
    const found = now.get(disk.name)
    if (found === undefined) return [`${disk.path} is not there any more`]
    const differs = difference(disk, found)
    return differs === undefined ? [] : [`${disk.path}: ${differs}`]
  })
  for (const { name, path } of now.values()) if (!planned.has(name)) wrong.push(`${path} has come`)
  const evidence = {
    disks: [...now.values()].map(({ path, serial = null, wwn = null }) => ({ path, serial, wwn })),
  }
  if (wrong.length === 0) return { verdict: 'passed', evidence }
  return { verdict: 'failed', reason: `not the disks that were planned for: ${wrong.join('; ')}`, evidence }
}

/** All real disks, and of the loop devices those that are named; or why they cannot be read. */
async function readAll(names: readonly string[], ctx: StepContext): Promise<Map<string, DiskId> | string> {
  const found = await readDisks(ctx.root, ctx.exec, ctx.signal)
  if (found.status === 'unknown') return `the disks cannot be read: ${found.reason}`
  const disks: Disk[] = found.status === 'known' ? [...found.value.disks] : []
  for (const name of names.filter(isLoop)) {
    const disk = await readLoopDisk(ctx.root, name)
    if (disk !== undefined) disks.push(disk)
  }
  const all = new Map<string, DiskId>()
  for (const disk of disks) all.set(disk.name, diskIdOf(disk, await readNumbers(disk.name, ctx)))
  return all
}
