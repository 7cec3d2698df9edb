import type { Clock } from '../clock.ts'
import type { Exec } from '../exec.ts'
import type { MachineRoot } from '../machine-root.ts'

export type DriveLogLevel = 'debug' | 'info' | 'warning' | 'error'

/** What reading a drive needs of the world. */
export interface ReadDeps {
  root: MachineRoot
  exec: Exec
  signal: AbortSignal
}

/** What erasing by firmware needs of the world. */
export interface EraseDeps extends ReadDeps {
  clock: Clock
  log(level: DriveLogLevel, message: string): void
  /** Per cent done, null where the drive does not state it; with what the drive says. */
  progress(percent: number | null, text: string): void
  /** Milliseconds without a readable answer after which a drive counts as stuck; without progress it is given longer. */
  stallLimit: number
  /** Whether the machine may be suspended to RAM, once, to get a frozen drive out of that state. */
  suspendAllowed: boolean
  /** In place of `rtcwake -m mem`. @throws CommandError, ToolMissingError */
  suspend?: () => Promise<void>
  journal: {
    /** Called with true before an ATA password is set, and with false once it is proved to be gone. */
    passwordSet(set: boolean): Promise<void>
  }
  /** Rejects when the signal is aborted. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>
}

export interface EraseTarget {
  /** The disks that this erase was planned for: every one that the method acts on has to be among them. */
  disks: readonly { name: string; path: string }[]
}
