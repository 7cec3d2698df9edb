import { open } from 'node:fs/promises'
import { getSystemErrorName } from 'node:util'
import { explainInLine, SpeedisoError } from '../errors.ts'
import type { StartThawGuard, ThawGuard } from './freeze-guard.ts'
import {
  EBUSY,
  EINVAL,
  ENOSYS,
  ENOTTY,
  EOPNOTSUPP,
  EPERM,
  type FreezeCall,
  type FreezeIo,
} from './freeze-ioctl.ts'

/** Somebody else keeps the filesystem frozen: it was left so. */
export class FrozenError extends SpeedisoError {
  override readonly code: string = 'frozen'
}

/** The filesystem could not be brought onto its disk. */
export class SettleError extends SpeedisoError {
  override readonly code: string = 'not-settled'
}

export type Settled =
  /** Every reader finds the same, also one that does not replay the journal. */
  | { how: 'frozen' }
  /** All is on the disk, some of it perhaps in the journal only: GRUB may find what was there before. */
  | { how: 'synced'; reason: string }

export interface SettleDeps {
  io: FreezeIo
  startGuard: StartThawGuard
  signal: AbortSignal
}

/**
 * Brings everything of the filesystem of a folder to where a reader finds it that replays no journal, as GRUB: freezes it
 * and thaws it at once (FIFREEZE, FITHAW of ioctl_fs(2); ostree does so for the same reason, ostree-sysroot-deploy.c). A
 * guard process thaws should this one die in between.
 * @throws FrozenError when it is frozen already
 * @throws SettleError when the disk does not take it
 * @throws the signal's reason, nothing being frozen then
 */
export async function settle(dir: string, deps: SettleDeps): Promise<Settled> {
  const { io, signal } = deps
  await using directory = await open(dir, 'r')
  let guard: ThawGuard
  try {
    guard = await deps.startGuard(directory.fd, signal)
  } catch (error) {
    signal.throwIfAborted()
    // A freeze that nobody would end is worse than an old view.
    return synced(io, directory.fd, explainInLine(error))
  }
  const { frozen, thawed } = freezeAndThaw(io, directory.fd)
  // Thawed by the guard: it was slow here, or stopped.
  const over = frozen !== 0 || thawed === 0 || thawed === EINVAL
  await guard.release(over)
  if (!over) {
    const hint = `end it by hand: fsfreeze --unfreeze ${dir}`
    throw new SettleError(`${dir}: cannot be thawed: ${nameOf(thawed)}`, { hint })
  }
  if (frozen === 0) return { how: 'frozen' }
  if (frozen === EBUSY) {
    const hint = 'a snapshot or backup may be at work; else: fsfreeze --unfreeze'
    throw new FrozenError(`${dir}: its filesystem is already frozen by something else`, { hint })
  }
  if ([EPERM, EOPNOTSUPP, ENOTTY, ENOSYS].includes(frozen)) {
    return synced(io, directory.fd, `the filesystem cannot be frozen: ${nameOf(frozen)}`)
  }
  throw new SettleError(`${dir}: cannot be frozen: ${nameOf(frozen)}`)
}

/**
 * Between the two calls nothing is written, started or waited for, and what both take has run and is in memory: the root
 * of this very process may be an image on that filesystem.
 */
function freezeAndThaw(io: FreezeIo, fd: number): { frozen: number; thawed: number } {
  io.lockMemory()
  try {
    // More often than V8 compiles anything for the first time.
    for (let i = 0; i < 3; i += 1) callBoth(io, fd, 'rehearse', 'rehearse')
    return callBoth(io, fd, 'freeze', 'thaw')
  } finally {
    io.unlockMemory()
  }
}

function callBoth(io: FreezeIo, fd: number, first: FreezeCall, second: FreezeCall) {
  const frozen = io.call(fd, first)
  return { frozen, thawed: frozen === 0 ? io.call(fd, second) : 0 }
}

function synced(io: FreezeIo, fd: number, reason: string): Settled {
  const failed = io.sync(fd)
  if (failed !== 0) throw new SettleError(`the filesystem cannot be written back: ${nameOf(failed)}`)
  return { how: 'synced', reason }
}

const nameOf = (errno: number) => getSystemErrorName(-errno)
