import { type FileHandle, mkdtemp, open, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { CommandError, SpeedisoError } from '../../errors.ts'
import type { Exec } from '../../system/exec.ts'
import { attachReadOnly, type LoopDevice, loadLoopIo } from './loop-device.ts'

/** This machine could not look into the image, which proves nothing against it. */
export class LookError extends SpeedisoError {
  override readonly code: string = 'cannot-look'
}

/** The filesystem of the image was not taken by the kernel. */
export class NotMountedError extends SpeedisoError {
  override readonly code: string = 'does-not-mount'
}

export interface MountDeps {
  exec: Exec
  signal: AbortSignal
  /** An existing folder for the mount point. */
  folder: string
  /** Take one that was not unmounted too, as it lies there: its journal is not replayed. For GRUB it is the same. */
  unclean?: boolean
  /** In place of a real loop device, for tests. */
  attach?: (file: string) => Promise<LoopDevice>
}

/** Mount options that leave the journal alone (ext4(5), xfs(5), btrfs(5)). */
const NO_REPLAY: Readonly<Record<string, string[]>> = {
  ext3: ['noload'],
  ext4: ['noload'],
  xfs: ['norecovery'],
  btrfs: ['rescue=nologreplay'],
}

/** An image, mounted read-only in no folder: only this process reaches it, at `root`, and it is gone with this process. */
export interface MountedImage extends AsyncDisposable {
  root: string
}

/**
 * Mounts an image's filesystem over a read-only loop device, so that nothing can replay a journal into it. Mount and loop
 * device stay only as long as this process holds them; should it be killed just while mount(8) runs, its mount is left.
 * @throws NotMountedError when the kernel does not take it; LookError when this machine cannot; the signal's reason
 */
export async function mountImage(
  file: string,
  type: string | undefined,
  deps: MountDeps,
): Promise<MountedImage> {
  const { exec, signal, folder } = deps
  signal.throwIfAborted()
  await using device = await attach(file, deps.attach)
  const point = await mkdtemp(join(folder, 'image-'))
  let held: FileHandle | undefined
  try {
    // XFS refuses a second filesystem with the same UUID, such as a new version of the image that runs.
    const extra = [...(type === 'xfs' ? ['nouuid'] : []), ...((deps.unclean && NO_REPLAY[type ?? '']) || [])]
    const flags = ['ro', 'nodev', 'nosuid', 'noexec', ...extra].join(',')
    try {
      await exec('mount', ['-t', type ?? 'auto', '-o', flags, device.path, point], unstoppable())
    } catch (error) {
      if (!(error instanceof CommandError) || error.facts.timedOut === true) throw error
      throw new NotMountedError(mountMessage(error, device.path, point), { cause: error })
    }
    held = await open(point, 'r')
  } catch (error) {
    if (error instanceof NotMountedError) throw error
    throw new LookError(`${file} cannot be mounted on this machine`, { cause: error })
  } finally {
    try {
      // 32: it is not mounted (umount(8)).
      await exec('umount', ['--lazy', point], { ...unstoppable(), okExitCodes: [32] })
    } finally {
      // Not while it is still mounted, and then the other error tells.
      await rmdir(point).catch(() => {})
    }
  }
  const opened = held
  const close = () => opened.close()
  if (signal.aborted) await close()
  signal.throwIfAborted()
  return { root: `/proc/${process.pid}/fd/${opened.fd}`, [Symbol.asyncDispose]: close }
}

/** Milliseconds for one program. */
const LIMIT = 60_000

/** One that is ended in the middle would leave what nobody knows of. */
const unstoppable = () => ({ timeout: LIMIT, signal: new AbortController().signal })

async function attach(file: string, attachTo: MountDeps['attach']): Promise<LoopDevice> {
  try {
    return await (attachTo?.(file) ?? attachReadOnly(file, await loadLoopIo()))
  } catch (cause) {
    const denied = ['EACCES', 'EPERM'].includes(String((cause as NodeJS.ErrnoException).code))
    throw new LookError(`no loop device could be had for ${file}`, {
      ...(denied ? {} : { hint: 'is the loop module of the kernel loaded?' }),
      cause,
    })
  }
}

/** What mount says, without the parts that name nothing. */
export function mountMessage({ facts, message }: CommandError, device: string, point: string): string {
  const line = String(facts.stderr ?? '')
    .split('\n')
    .find((each) => each.startsWith('mount: '))
  return (line ?? message)
    .replace(`mount: ${point}: `, '')
    .replace(` on ${device}`, '')
    .trim()
    .replace(/\.$/, '')
}
