import { registry } from '../../tasks/registry.ts'
import { explain, InputError, SpeedisoError } from '../errors.ts'
import { type ExitCode, exitCode } from '../exit.ts'
import { systemClock } from '../system/clock.ts'
import { createExec } from '../system/exec.ts'
import { createMachineRoot } from '../system/machine-root.ts'
import { runCommandLine } from './commands.ts'
import type { CliContext } from './context.ts'

/** Runs one command line on the real machine and says how it ended. Never throws. */
export async function main(args: readonly string[]): Promise<ExitCode> {
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => stop.abort(new SpeedisoError(`ended by ${signal}`)))
  }
  // A reader that goes away (`speediso log | head`) ends the output, not the job.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', ignoreBrokenPipe)
  const ctx: CliContext = {
    stdout: process.stdout,
    stderr: process.stderr,
    exec: createExec(),
    root: createMachineRoot('/'),
    clock: systemClock,
    signal: stop.signal,
    registry,
  }
  try {
    return exitCode({ outcome: await runCommandLine(args, ctx) })
  } catch (error) {
    // What we did not raise ourselves is a defect: its stack is what helps.
    const known = error instanceof SpeedisoError
    const oneLine = error instanceof InputError && error.hint !== undefined
    const text = oneLine
      ? `${error.message}; ${error.hint}`
      : known
        ? explain(error)
        : String((error as Error).stack)
    process.stderr.write(`speediso: ${text}\n`)
    return exitCode({ error })
  }
}

function ignoreBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
}
