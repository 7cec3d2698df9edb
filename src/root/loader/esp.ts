import { mkdtemp, rmdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CommandError, InputError, ReadError } from '../../errors.ts'
import type { Exec } from '../../system/exec.ts'

/** As in the instructions of old: the partition that holds GRUB. */
export const DEFAULT_ESP = 'LABEL=EFI-BOOT'

export interface EspDeps {
  exec: Exec
  signal?: AbortSignal
  /** Where its mount point is made, such as /run. */
  temporaryDir: string
  /** Seconds to wait for a partition that is not there yet; default 0. */
  patience?: number
}

const LABELLED = /^(LABEL|UUID)=[\w.+ -]+$/

/** Whether this is how a boot partition is named. */
export const namesEsp = (spec: string) => spec.startsWith('/dev/') || LABELLED.test(spec)

/** Milliseconds for one program. */
const LIMIT = 30_000
/** Somebody else may look at a new mount for a moment: so often, so many milliseconds apart. */
const BUSY_TRIES = 10
const BUSY_WAIT = 200

/**
 * The block device of the boot partition.
 * @param spec `LABEL=…`, `UUID=…` (as in speediso.loader= on the kernel command line) or a path
 * @throws InputError for something else
 * @throws ReadError when there is none, or more than one
 */
export async function findEsp(spec: string, deps: EspDeps): Promise<string> {
  for (let left = deps.patience ?? 0; ; left -= 1) {
    const found = await lookForEsp(spec, deps)
    if (typeof found === 'string') return found
    if (left <= 0) throw found
    await sleep(1000, undefined, deps.signal === undefined ? {} : { signal: deps.signal })
  }
}

/** Its device, or that there is none. */
async function lookForEsp(spec: string, { exec, signal }: EspDeps): Promise<string | ReadError> {
  if (spec.startsWith('/dev/')) {
    if ((await stat(spec).catch(() => undefined)) === undefined)
      return new ReadError(`there is no boot partition ${spec}`)
    return spec
  }
  if (!LABELLED.test(spec)) {
    throw new InputError(`${spec}: names no boot partition`, {
      hint: `write ${DEFAULT_ESP}, UUID=… or /dev/…`,
    })
  }
  // 2: nothing found (blkid(8)). Its own cache knows disks that are gone.
  const { stdout } = await exec(
    'blkid',
    ['--cache-file', '/dev/null', '--output', 'device', '--match-token', spec],
    {
      timeout: LIMIT,
      okExitCodes: [2],
      ...(signal === undefined ? {} : { signal }),
    },
  )
  const devices = stdout.split('\n').filter((line) => line !== '')
  const [device] = devices
  if (device === undefined) return new ReadError(`there is no boot partition ${spec}`)
  if (devices.length > 1) {
    throw new ReadError(`there are ${devices.length} boot partitions ${spec}: ${devices.join(', ')}`, {
      hint: 'name the right one by its UUID or its path',
    })
  }
  return device
}

/**
 * Mounts the boot partition at a folder of its own for as long as the work lasts. One that is mounted elsewhere too stays
 * there. To read, it is mounted read-only, so that nothing is written to it, not even that it was mounted.
 * @throws ReadError when it is not found
 * @throws CommandError when it cannot be mounted for writing, or not unmounted
 */
export async function withEsp<T>(
  spec: string,
  deps: EspDeps,
  work: (dir: string) => Promise<T>,
  access: 'ro' | 'rw' = 'rw',
): Promise<T> {
  const { exec, signal, temporaryDir } = deps
  const device = await findEsp(spec, deps)
  const dir = await mkdtemp(join(temporaryDir, 'speediso-esp-'))
  try {
    // One that is ended in the middle may be mounted all the same, and stay.
    const mount = (how: 'ro' | 'rw') =>
      exec('mount', ['-o', `${how},nodev,nosuid,noexec,noatime`, device, dir], { timeout: LIMIT })
    await mount(access).catch((error: unknown) => {
      // Where it is mounted for writing already, the kernel mounts it no other way; that changes nothing more.
      if (access === 'rw' || !(error instanceof CommandError)) throw error
      return mount('rw')
    })
    let result: T
    try {
      signal?.throwIfAborted()
      result = await work(dir)
    } catch (error) {
      // What went wrong first is what matters.
      await unmount(dir, exec).catch(() => {})
      throw error
    }
    await unmount(dir, exec)
    return result
  } finally {
    await rmdir(dir).catch(() => {})
  }
}

/** Without the signal: it has to be unmounted above all when the work was cancelled. */
async function unmount(dir: string, exec: Exec): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await exec('umount', [dir], { timeout: LIMIT })
      return
    } catch (error) {
      if (tries === BUSY_TRIES) throw error
      await sleep(BUSY_WAIT)
    }
  }
}
