import { registry } from '../../tasks/registry.ts'
import { explain, InputError, SpeedisoError } from '../errors.ts'
import { exitCode } from '../exit.ts'
import { printable } from '../printable.ts'
import { systemClock } from '../system/clock.ts'
import { createExec } from '../system/exec.ts'
import { createHttp } from '../system/http.ts'
import { createMachineRoot } from '../system/machine-root.ts'
import { createStartWorker } from '../system/worker.ts'
import { runCommandLine } from './command-line.ts'
import type { CliContext } from './context.ts'

/** Runs one command line on the real machine, and leaves how it ended as the exit code of this process. */
export async function main(args: readonly string[]): Promise<void> {
  // Until it is decided: a process that runs dry, or breaks, has proved nothing.
  process.exitCode = exitCode({ outcome: 'unknown' })
  process.on('uncaughtException', (error) => {
    process.stderr.write(`speediso: ${error.stack}\n`)
    process.exit(exitCode({ error }))
  })
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // Not `once`: without a listener of ours, that of a running child's supervisor would end this process on the spot.
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(exitCode({ outcome: 'unknown' }))
      stop.abort(new SpeedisoError(`ended by ${signal}`))
    })
  }
  const root = createMachineRoot('/')
  const ctx: CliContext = {
    stdout: process.stdout,
    stderr: process.stderr,
    exec: createExec(),
    http: createHttp(root),
    root,
    clock: systemClock,
    signal: stop.signal,
    registry,
    startWorker: createStartWorker(),
  }
  try {
    const outcome = await runCommandLine(args, ctx)
    process.exitCode = exitCode({ outcome })
  } catch (error) {
    process.stderr.write(`speediso: ${forPeople(error).split('\n').map(printable).join('\n')}\n`)
    process.exitCode = exitCode({ error })
  }
  // What a library or a read that hangs in the kernel has left open keeps nobody waiting.
  setTimeout(() => process.exit(), LEFTOVERS_LIMIT).unref()
}

/** Milliseconds. */
const LEFTOVERS_LIMIT = 1000

function forPeople(error: unknown): string {
  return process.getuid?.() !== 0 && wasDenied(error)
    ? `${describeError(error)}; it has to run as root`
    : describeError(error)
}

/** Whether the kernel has denied what root may do. */
function wasDenied(error: unknown): boolean {
  const codes: unknown[] = ['EACCES', 'EPERM']
  for (let e: unknown = error; e instanceof Error; e = e.cause)
    if (codes.includes((e as NodeJS.ErrnoException).code)) return true
  return false
}

/** Bad input takes one line; what we did not raise ourselves is a defect, and its stack is what helps. */
function describeError(error: unknown): string {
  if (error instanceof InputError)
    return error.hint === undefined ? error.message : `${error.message}; ${error.hint}`
  if (error instanceof Error && 'syscall' in error) return error.message
  return error instanceof SpeedisoError ? explain(error) : String((error as Error).stack)
}
