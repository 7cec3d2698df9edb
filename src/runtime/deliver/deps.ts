import type { Clock } from '../../system/clock.ts'
import type { Exec } from '../../system/exec.ts'
import type { Http } from '../../system/http.ts'
import type { HostIdentity } from '../../system/identity.ts'
import type { MachineRoot } from '../../system/machine-root.ts'
import type { EventLog } from '../event-log.ts'
import type { RunPaths } from '../paths.ts'
import type { Pace } from './pace.ts'

/** What both channels, the report's server and Foreman, need of the world. */
export interface ChannelDependencies {
  identity: HostIdentity
  /** Of the reporting card; absent: the first one's. */
  mac?: string | undefined
  bootId: string | null
  events: EventLog
  paths: RunPaths
  http: Http
  exec: Exec
  clock: Clock
  root: MachineRoot
  signal: AbortSignal
  pace: Pace
  /** Called when the state that is shown has changed. */
  changed: () => void
}

/** Told why an action has to wait. */
export type Hold = (why: string) => void
