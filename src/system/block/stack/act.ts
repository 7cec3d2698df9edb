import { writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { CommandError, SpeedisoError, ToolMissingError } from '../../../errors.ts'
import type { Exec } from '../../exec.ts'
import type { MachineRoot } from '../../machine-root.ts'
import { usersOf } from './holders.ts'
import type { BlockNode, TeardownAction } from './schema.ts'
import { readStanding, type Standing } from './standing.ts'
import { processesAt } from './users.ts'

export interface ActDeps {
  exec: Exec
  root: MachineRoot
  signal: AbortSignal
}

/** Milliseconds. Unmounting writes out what is in memory, swapoff reads back what is on the disk. */
const LIMIT = 10 * 60_000

/** Milliseconds: what the kernel stops in the background (loop, bcache) is waited for in these steps. */
const GONE_STEPS = [0, 50, 100, 200, 400, 800, 1600, 3200, 6400]

/** Something still uses what was to be stopped; the message names it. */
export class InUseError extends SpeedisoError {
  override readonly code: string = 'in-use'
}

/**
 * Does one act, and looks whether it is done: what it was to take away is not there any more. One whose object is not
 * there is done.
 * @throws InUseError, CommandError, ToolMissingError
 */
export async function act(action: TeardownAction, deps: ActDeps): Promise<void> {
  if (action.act === 'unmount') return unmount(action.mountPoint, deps)
  const before = await readStanding(deps.root, deps.exec, deps.signal)
  const name = nodeOf(action, before)
  if (!isThere(action, before)) return
  // A busy loop or bcache device is stopped later by the kernel, when nobody looks any more.
  const users = name === undefined || action.act === 'swapoff' ? [] : usersOf(before, name)
  if (users.length > 0) throw await inUse(`${name} is still in use: ${users.join(', ')}`, deps, action)
  try {
    await stop(action, before, deps)
  } catch (error) {
    throw error instanceof CommandError ? await inUse(error.message, deps, action, error) : error
  }
  for (const pause of GONE_STEPS) {
    await sleep(pause, undefined, { signal: deps.signal })
    if (!isThere(action, await readStanding(deps.root, deps.exec, deps.signal))) return
  }
  throw await inUse(`${name ?? describeAction(action)} was stopped and is still there`, deps, action)
}

export function describeAction(action: TeardownAction): string {
  switch (action.act) {
    case 'unmount':
      return `unmount ${action.mountPoint}`
    case 'export-zfs':
      return `export the ZFS pool ${action.pool}`
    case 'stop-bcache':
      return `stop bcache ${action.name}`
    case 'swapoff':
      return `stop the swap on ${action.path}`
    case 'detach-loop':
      return `detach ${action.path}`
    case 'stop-md':
      return `stop the array ${action.path}`
    case 'deactivate-lvm':
      return `deactivate the logical volume ${action.dmName}`
    case 'close-crypt':
      return `close the encrypted device ${action.dmName}`
    case 'remove-dm':
      return `remove the device-mapper device ${action.dmName}`
  }
}

async function unmount(mountPoint: string, { exec, root, signal }: ActDeps): Promise<void> {
  const count = async () =>
    (await readStanding(root, exec, signal)).mounts.filter((mount) => mount.mountPoint === mountPoint).length
  const before = await count()
  if (before === 0) return
  try {
    // Never lazily: that hides who still writes there.
    await exec('umount', [mountPoint], { timeout: LIMIT, signal })
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    throw await inUse(error.message, { exec, root, signal }, { act: 'unmount', mountPoint }, error)
  }
  if ((await count()) >= before) throw new InUseError(`${mountPoint} was unmounted and is still mounted`)
}

function nodeOf(action: TeardownAction, { nodes }: Standing): string | undefined {
  if (action.act === 'stop-bcache') return action.name
  if ('dmName' in action) return nodes.find(({ dmName }) => dmName === action.dmName)?.name
  return 'path' in action ? nodes.find(({ path }) => path === action.path)?.name : undefined
}

function isThere(action: TeardownAction, standing: Standing): boolean {
  if (action.act === 'export-zfs') return standing.pools.some(({ name }) => name === action.pool)
  if (action.act === 'swapoff') {
    return (
      standing.swapFiles.some(({ path }) => path === action.path) ||
      standing.nodes.some(({ path, swap }) => path === action.path && swap)
    )
  }
  const name = nodeOf(action, standing)
  return standing.nodes.some((node) => node.name === name)
}

async function stop(action: TeardownAction, standing: Standing, deps: ActDeps): Promise<void> {
  const run = async (file: string, args: string[]) => {
    await deps.exec(file, args, {
      timeout: LIMIT,
      signal: deps.signal,
      env: { LVM_SUPPRESS_FD_WARNINGS: '1' },
    })
  }
  const removeDm = (name: string) => run('dmsetup', ['remove', '--retry', name])
  switch (action.act) {
    case 'swapoff':
      return run('swapoff', [action.path])
    case 'detach-loop':
      return run('losetup', ['--detach', action.path])
    case 'stop-md':
      return firstOf(
        () => run('mdadm', ['--stop', action.path]),
        () => write(deps, `/sys/class/block/${nodeOf(action, standing)}/md/array_state`, 'clear'),
      )
    case 'deactivate-lvm':
      return firstOf(
        () => run('lvchange', ['--yes', '-an', volumeOf(action.dmName)]),
        () => removeDm(action.dmName),
      )
    case 'close-crypt':
      return firstOf(
        () => run('cryptsetup', ['close', action.dmName]),
        () => removeDm(action.dmName),
      )
    case 'remove-dm':
      return removeDm(action.dmName)
    case 'stop-bcache':
      return write(deps, stopFile(action.name, standing.nodes), '1')
    case 'export-zfs':
      return run('zpool', ['export', action.pool])
  }
}

/** The second way when the first is not installed or refuses. @throws the first's error if both fail */
async function firstOf(first: () => Promise<void>, second: () => Promise<void>): Promise<void> {
  try {
    await first()
  } catch (error) {
    if (!(error instanceof CommandError || error instanceof ToolMissingError)) throw error
    await second().catch(() => {
      throw error
    })
  }
}

/** Sources: Documentation/admin-guide/bcache.rst and md.rst of Linux. */
async function write({ root }: ActDeps, path: string, value: string): Promise<void> {
  try {
    await writeFile(root.path(path), value)
  } catch (cause) {
    throw new CommandError(`${path}: ${(cause as NodeJS.ErrnoException).code ?? 'not written'}`, { cause })
  }
}

function stopFile(name: string, nodes: readonly BlockNode[]): string {
  const node = nodes.find((each) => each.name === name)
  return node?.dev === '' ? `${node.path}/stop` : `/sys/class/block/${name}/bcache/stop`
}

/** `group/volume` from a device-mapper name, where hyphens of a name are doubled; what follows is an inner layer. */
export function volumeOf(dmName: string): string {
  const [group = '', volume = ''] = dmName
    .replaceAll('--', '\0')
    .split('-')
    .map((part) => part.replaceAll('\0', '-'))
  return `${group}/${volume}`
}

async function inUse(
  message: string,
  { root }: ActDeps,
  action: TeardownAction,
  cause?: Error,
): Promise<InUseError> {
  const path = 'mountPoint' in action ? action.mountPoint : 'path' in action ? action.path : undefined
  const users = path === undefined ? [] : await processesAt(root, path)
  const by = users.length === 0 ? '' : `; used by ${users.join(', ')}`
  return new InUseError(`${message}${by}`, { facts: { users }, ...(cause === undefined ? {} : { cause }) })
}
