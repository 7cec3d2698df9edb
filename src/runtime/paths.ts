import { join } from 'node:path'

/** Where a boot keeps what others read: one folder, in memory, gone with the boot. */
export interface RunPaths {
  dir: string
  events: string
  report: string
  /** There once a job has started: it is never started again. */
  started: string
  /** The job file as it was read, for a process that is started again. */
  jobFile: string
  /** Held by the one process that works there. */
  lock: string
  /** Address and token of the live log, for root's own programs. */
  live: string
}

export const RUN_DIR = '/run/speediso'

export function runPaths(dir: string): RunPaths {
  const at = (name: string) => join(dir, name)
  return {
    dir,
    events: at('events.ndjson'),
    report: at('report.json'),
    started: at('started'),
    jobFile: at('job-file'),
    lock: at('lock'),
    live: at('live.json'),
  }
}
