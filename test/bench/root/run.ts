import { execFileSync } from 'node:child_process'
import { median } from '../figure.ts'
import type { Run } from '../wipe/measure.ts'

export const ROUNDS = 3

/** Whether a peer is installed. */
export const has = (tool: string) => {
  try {
    execFileSync('sh', ['-c', 'command -v "$1"', 'sh', tool])
    return true
  } catch {
    return false
  }
}
export const secondsOf = (runs: Run[]) => median(runs.map(({ seconds }) => seconds))

/** One run of our own code in this process. */
export async function timed(act: () => Promise<unknown>): Promise<Run> {
  const cpu = process.cpuUsage()
  const start = performance.now()
  await act()
  const { user, system } = process.cpuUsage(cpu)
  return { seconds: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 }
}
