import { execa } from 'execa'
import { CommandError, ToolMissingError } from '../errors.ts'

export interface ExecOptions {
  signal?: AbortSignal
  /** Milliseconds until the program and its children are ended. */
  timeout?: number
  cwd?: string
  /** Added to the environment of this process. */
  env?: Record<string, string>
  input?: string
  /** Exit codes that are not an error, besides 0. */
  okExitCodes?: readonly number[]
}

export interface ExecResult {
  stdout: string
  stderr: string
  exitCode: number
}

/**
 * Runs one program with an argument list.
 * @throws ToolMissingError when it is not installed
 * @throws CommandError when it ends with another exit code, by a signal or by its time limit; with the fact `hung` when
 * even SIGKILL does not end it, as the kernel holds it: it is left behind then
 */
export type Exec = (file: string, args: readonly string[], options?: ExecOptions) => Promise<ExecResult>

/** The command as a person could paste it into a shell. */
export function quoteCommand(file: string, args: readonly string[]): string {
  const quote = (s: string) => (/^[\w@%+=:,./-]+$/.test(s) ? s : `'${s.replaceAll("'", "'\\''")}'`)
  return [file, ...args].map(quote).join(' ')
}

/** The Exec that runs real programs. Output is decoded as UTF-8; a C locale keeps it parseable. */
export function createExec(base: Pick<ExecOptions, 'signal'> = {}): Exec {
  const running = new Set<number>()
  // Whatever ends this process, nothing that it started goes on.
  process.on('exit', () => {
    for (const pid of running) sendGroup(pid, 'SIGKILL')
  })
  return async (file, args, options = {}) => {
    const signal = options.signal ?? base.signal
    const child = execa(file, args, {
      reject: false,
      stdin: options.input === undefined ? 'ignore' : 'pipe',
      env: { LC_ALL: 'C.UTF-8', ...options.env },
      stripFinalNewline: false,
      // A group of its own, so that its children end with it.
      detached: true,
      ...(options.input === undefined ? {} : { input: options.input }),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    })
    const { pid } = child
    if (pid !== undefined) running.add(pid)
    const ending = endGroup(pid, options.timeout, signal)
    const result = await Promise.race([child, ending.hung])
    const ended = ending.finish()
    if (pid !== undefined) running.delete(pid)
    const command = quoteCommand(file, args)
    if (result === HUNG) {
      const { exitCode, signalCode } = child.nodeChildProcess
      const alive = exitCode === null && signalCode === null
      // Nothing of it may keep this process from ending.
      child.catch(() => {})
      child.nodeChildProcess.unref()
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy()
      throw new CommandError(
        alive
          ? `${file} hangs in the kernel and cannot be ended`
          : `${file} has ended, but something that it started holds its output and cannot be ended`,
        { facts: { command, timedOut: ended === 'timeout', hung: true } },
      )
    }
    if (result.code === 'ENOENT' && result.exitCode === undefined) {
      throw new ToolMissingError(`${file}: not installed`, { facts: { command }, cause: result.cause })
    }
    const code = result.exitCode
    // One that was told to end and ended well in the same instant has not done its work for that.
    if (ended !== undefined || code === undefined || (code !== 0 && !options.okExitCodes?.includes(code))) {
      const how =
        ended === 'timeout'
          ? `did not end within ${options.timeout} ms`
          : ended === 'cancelled'
            ? 'was cancelled'
            : code === undefined
              ? `was ended by ${result.signal ?? 'an unknown cause'}`
              : `ended with exit code ${code}`
      const last = result.stderr.trim().split('\n').at(-1) ?? ''
      throw new CommandError(`${file} ${how}${last === '' ? '' : `: ${last}`}`, {
        facts: {
          command,
          exitCode: code,
          signal: result.signal,
          timedOut: ended === 'timeout',
          stdout: result.stdout.slice(-4096),
          stderr: result.stderr.slice(-4096),
        },
        cause: result.cause,
      })
    }
    return { stdout: result.stdout, stderr: result.stderr, exitCode: code }
  }
}

/** After SIGTERM a program and its children have this long, in milliseconds, and after SIGKILL once more. */
const GRACE = 5000

/** A process in uninterruptible sleep (state D of proc_pid_stat(5)) heeds SIGKILL only when the kernel lets go of it. */
const HUNG = Symbol('hung')

/**
 * Ends the process group of a program past its time limit, or by the signal; `finish` tells which it was. `hung` settles
 * when SIGKILL has not ended it in its time, and else never.
 */
function endGroup(
  pid: number | undefined,
  timeout: number | undefined,
  signal: AbortSignal | undefined,
): { hung: Promise<typeof HUNG>; finish(): 'timeout' | 'cancelled' | undefined } {
  const { promise: hung, resolve: giveUp } = Promise.withResolvers<typeof HUNG>()
  let why: 'timeout' | 'cancelled' | undefined
  let kill: NodeJS.Timeout | undefined
  const send = (name: NodeJS.Signals) => {
    if (pid !== undefined) sendGroup(pid, name)
  }
  const end = (reason: 'timeout' | 'cancelled') => {
    if (why !== undefined) return
    why = reason
    send('SIGTERM')
    kill = setTimeout(() => {
      send('SIGKILL')
      kill = setTimeout(() => giveUp(HUNG), GRACE)
    }, GRACE)
  }
  const cancel = () => end('cancelled')
  const late = timeout === undefined ? undefined : setTimeout(() => end('timeout'), timeout)
  if (signal?.aborted) cancel()
  else signal?.addEventListener('abort', cancel, { once: true })
  return {
    hung,
    finish() {
      clearTimeout(late)
      clearTimeout(kill)
      signal?.removeEventListener('abort', cancel)
      // A child of it that has let go of its output may still run.
      if (why !== undefined) send('SIGKILL')
      return why
    },
  }
}

function sendGroup(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name)
  } catch {
    // All of them have ended.
  }
}
