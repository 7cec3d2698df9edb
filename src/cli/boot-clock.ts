import { explainInLine } from '../errors.ts'
import type { Parameter } from '../job/cmdline.ts'
import type { Job } from '../job/schema.ts'
import type { Boot } from '../runtime/boot.ts'
import { readLeaseTimeServers } from '../system/clock-sync/lease.ts'
import { readTimeMade } from '../system/clock-sync/made.ts'
import { syncClock } from '../system/clock-sync/sync.ts'
import { bootUrls } from '../system/clock-sync/urls.ts'
import type { CliContext } from './context.ts'

/** Puts a clock right that is far off, before the first certificate is judged by it. What was done is said. */
export async function setClock(
  { ntp, file, report, foreman }: Job,
  words: readonly Parameter[],
  { events }: Boot,
  { root, exec, clock, signal }: CliContext,
): Promise<void> {
  try {
    const { level, why } = await syncClock({
      servers: ntp,
      leases: await readLeaseTimeServers(root),
      urls: bootUrls(words, [file.url, report.url, foreman.url]),
      notBefore: await readTimeMade(root),
      deps: { exec, clock, signal },
    })
    events.append({ kind: 'log', level, message: why })
  } catch (error) {
    signal.throwIfAborted()
    events.append({ kind: 'log', level: 'warning', message: `clock: ${explainInLine(error)}` })
  }
}
