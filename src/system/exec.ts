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
 * @throws CommandError when it ends with another exit code, by a signal or by its time limit
 */
export type Exec = (file: string, args: readonly string[], options?: ExecOptions) => Promise<ExecResult>

/** The command as a person could paste it into a shell. */
export function quoteCommand(file: string, args: readonly string[]): string {
  const quote = (s: string) => (/^[\w@%+=:,./-]+$/.test(s) ? s : `'${s.replaceAll("'", "'\\''")}'`)
  return [file, ...args].map(quote).join(' ')
}

/** The Exec that runs real programs. Output is decoded as UTF-8; a C locale keeps it parseable. */
export function createExec(base: Pick<ExecOptions, 'signal'> = {}): Exec {
  return async (file, args, options = {}) => {
    const signal = options.signal ?? base.signal
    const result = await execa(file, args, {
      reject: false,
      stdin: options.input === undefined ? 'ignore' : 'pipe',
      env: { LC_ALL: 'C.UTF-8', ...options.env },
      stripFinalNewline: false,
      ...(options.input === undefined ? {} : { input: options.input }),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
      ...(signal === undefined ? {} : { cancelSignal: signal }),
    })
    const command = quoteCommand(file, args)
    if (result.code === 'ENOENT' && result.exitCode === undefined) {
      throw new ToolMissingError(`${file}: not installed`, { facts: { command }, cause: result.cause })
    }
    const code = result.exitCode
    if (code === undefined || (code !== 0 && !options.okExitCodes?.includes(code))) {
      const how = result.timedOut
        ? `did not end within ${options.timeout} ms`
        : result.isCanceled
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
          timedOut: result.timedOut,
          stdout: result.stdout.slice(-4096),
          stderr: result.stderr.slice(-4096),
        },
        cause: result.cause,
      })
    }
    return { stdout: result.stdout, stderr: result.stderr, exitCode: code }
  }
}
