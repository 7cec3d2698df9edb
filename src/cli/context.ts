import type { Writable } from 'node:stream'
import { printable } from '../printable.ts'
import type { TaskRegistry } from '../runtime/task.ts'
import type { Clock } from '../system/clock.ts'
import type { Exec } from '../system/exec.ts'
import type { Http } from '../system/http.ts'
import type { MachineRoot } from '../system/machine-root.ts'
import type { StartWorker } from '../system/worker.ts'

/** What every command gets of the world. */
export interface CliContext {
  stdout: Writable
  stderr: Writable
  exec: Exec
  http: Http
  root: MachineRoot
  clock: Clock
  /** Aborted by SIGINT, SIGTERM and SIGHUP. */
  signal: AbortSignal
  registry: TaskRegistry
  startWorker: StartWorker
}

export function printLine(stream: Writable, line: string): void {
  stream.write(`${printable(line)}\n`)
}

/** The one JSON document of `--json`. */
export function printJson(stream: Writable, document: unknown): void {
  stream.write(`${JSON.stringify(document, null, 2)}\n`)
}
