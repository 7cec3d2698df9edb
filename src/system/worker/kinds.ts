/** Hidden first arguments that make this program a worker (main.ts). */
export const DISK_WORKER = '--disk-worker'

/** First argument of the process that thaws a filesystem when the one that froze it dies. */
export const THAW_GUARD = '--thaw-guard'
