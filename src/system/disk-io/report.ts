import type { Checkpoint } from './schema.ts'

/** How far work on a disk is; read when it suits whoever tells of it. */
export interface WorkProgress {
  /** Bytes that are settled. */
  done: number
  total: number
  /** Reads and writes that have ended, well or not. */
  operations: number
}

/** What work on a disk says while it goes on. */
export interface WorkReport {
  /** Called once, at the start. */
  watch(progress: () => WorkProgress): void
  checkpoint(checkpoint: Checkpoint): void
}
