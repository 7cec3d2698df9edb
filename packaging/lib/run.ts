import { constants } from 'node:fs'
import { access, appendFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { execa } from 'execa'
import { MissingToolError, ToolError } from './errors.ts'

export interface RunOptions {
  cwd?: string
  /** Added to the environment of this process. */
  env?: Readonly<Record<string, string>>
  input?: string
  /** In mount and process namespaces of its own: mounts and children end with it, and it with this process. */
  confined?: boolean
}

/** Runs one program, keeps all that it prints in the log, and gives its standard output. */
export type Run = (tool: string, args: readonly string[], options?: RunOptions) => Promise<string>

/** What of a failed program's output is shown. */
const LAST_LINES = 12
const LINE_LENGTH = 240

/** The command as a person could paste it into a shell. */
export function quoteCommand(tool: string, args: readonly string[]): string {
  const quote = (s: string) => (/^[\w@%+=:,./-]+$/.test(s) ? s : `'${s.replaceAll("'", "'\\''")}'`)
  return [tool, ...args].map(quote).join(' ')
}

/** The command that runs a program in namespaces of its own; needs root. */
export function confine(tool: string, args: readonly string[]): [string, string[]] {
  const unshare = ['--mount', '--propagation=private', '--pid', '--fork', '--mount-proc', '--kill-child']
  return ['setpriv', ['--pdeathsig', 'KILL', 'unshare', ...unshare, '--', tool, ...args]]
}

/**
 * The Run of one build. An abort kills the program at once (SIGKILL: `unshare --kill-child` then takes everything
 * below it along).
 * @throws ToolError, MissingToolError
 */
export function createRun(log: string, signal?: AbortSignal): Run {
  return async (tool, args, options = {}) => {
    await appendFile(log, `\n$ ${quoteCommand(tool, args)}\n`)
    const [file, argv] = options.confined === true ? confine(tool, args) : [tool, [...args]]
    const result = await execa(file, argv, {
      reject: false,
      stdin: options.input === undefined ? 'ignore' : 'pipe',
      stdout: ['pipe', { file: log, append: true }],
      stderr: ['pipe', { file: log, append: true }],
      all: true,
      killSignal: 'SIGKILL',
      env: { LC_ALL: 'C.UTF-8', ...options.env },
      ...(options.input === undefined ? {} : { input: options.input }),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(signal === undefined ? {} : { cancelSignal: signal }),
    })
    if (signal?.aborted) throw signal.reason
    if (result.code === 'ENOENT' && result.exitCode === undefined) {
      throw new MissingToolError(`${tool} is not installed`, { cause: result.cause })
    }
    if (result.exitCode !== 0) {
      const how =
        result.exitCode === undefined
          ? `was ended by ${result.signal ?? 'an unknown cause'}`
          : `ended with exit code ${result.exitCode}`
      const lastLines = (result.all ?? '')
        .trim()
        .split('\n')
        .slice(-LAST_LINES)
        .map((line) => line.slice(0, LINE_LENGTH))
      throw new ToolError(`${tool} ${how}`, { tool, exitCode: result.exitCode, lastLines, log }, result.cause)
    }
    return result.stdout
  }
}

/** The folder of PATH that holds the program, or undefined. */
export async function findTool(tool: string, path = process.env.PATH ?? ''): Promise<string | undefined> {
  for (const folder of path.split(delimiter)) {
    const file = join(folder, tool)
    try {
      await access(file, constants.X_OK)
      return file
    } catch {
      // Not in this folder.
    }
  }
  return undefined
}

/**
 * Checks that all programs are there, before any of them is needed.
 * @param packages program -> the Debian and Ubuntu package that holds it
 * @throws MissingToolError one line that names what to install
 */
export async function requireTools(packages: Readonly<Record<string, string>>, path?: string): Promise<void> {
  const missing: string[] = []
  for (const tool of Object.keys(packages)) {
    if ((await findTool(tool, path)) === undefined) missing.push(tool)
  }
  if (missing.length === 0) return
  const wanted = [...new Set(missing.map((tool) => packages[tool] ?? tool))].join(' ')
  throw new MissingToolError(`not installed: ${missing.join(', ')}; install with: apt-get install ${wanted}`)
}
