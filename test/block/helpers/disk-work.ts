import { readFileSync } from 'node:fs'
import { systemClock } from '../../../src/system/clock.ts'
import type { DiskWorkDeps } from '../../../src/system/disk-io/run.ts'
import { createStartWorker, type StartWorker } from '../../../src/system/worker.ts'
import type { LoopDevice } from './loop-device.ts'

const start = createStartWorker()

/** What work on a disk needs, with the pids of the workers. */
export function workDeps(deps: Partial<DiskWorkDeps> = {}): DiskWorkDeps & { pids: number[] } {
  const pids: number[] = []
  const startWorker: StartWorker = (...all) => {
    const worker = start(...all)
    if (worker.pid !== undefined) pids.push(worker.pid)
    return worker
  }
  const signal = new AbortController().signal
  return { pids, startWorker, signal, clock: systemClock, stall: 60_000, progress() {}, ...deps }
}

export const diskOf = ({ path, sizeBytes, sectorBytes }: LoopDevice) => ({ path, sizeBytes, sectorBytes })

/** Whether there is such a process, dead ones that wait for their parent aside. */
export function runs(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
