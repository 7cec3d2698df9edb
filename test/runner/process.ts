import { spawn } from 'node:child_process'

/** How a script ended. */
export interface Ran {
  /** How it ended other than well, for people. */
  fault: string | undefined
  /** What it printed, on both streams. */
  output: string
  seconds: number
}

/** After being told to end, a script and its children have this long, in milliseconds. */
const GRACE = 5000

const UNSHARE = ['unshare', '--mount', '--propagation', 'private', '--']

export interface RunOptions {
  /**
   * In a mount namespace of its own (needs root). Else a namespace that another test makes at the same time takes a copy
   * of what this one has mounted, and its loop devices stay until that one ends.
   */
  ownMounts?: boolean
}

/** Runs a script with this Node; past its limit (milliseconds), or by the signal, its whole process group is ended. */
export async function run(
  command: string[],
  limit: number,
  signal: AbortSignal,
  { ownMounts = false }: RunOptions = {},
): Promise<Ran> {
  const from = performance.now()
  const [program, ...args] = [...(ownMounts ? UNSHARE : []), process.execPath, ...command] as [
    string,
    ...string[],
  ]
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  let why: string | undefined
  let kill: NodeJS.Timeout | undefined
  const end = (reason: string) => {
    why ??= reason
    endGroup(child.pid, 'SIGTERM')
    kill = setTimeout(() => endGroup(child.pid, 'SIGKILL'), GRACE)
  }
  const late = setTimeout(() => end(`did not end within ${limit / 1000} s`), limit)
  const interrupted = () => end('was interrupted')
  if (signal.aborted) interrupted()
  signal.addEventListener('abort', interrupted, { once: true })
  const ended = await new Promise<string | undefined>((resolve) => {
    child.on('error', (error) => resolve(error.message))
    child.on('close', (code, by) => {
      resolve(code === 0 ? undefined : `ended with ${code === null ? `signal ${by}` : `exit code ${code}`}`)
    })
  })
  signal.removeEventListener('abort', interrupted)
  clearTimeout(late)
  clearTimeout(kill)
  return { fault: why ?? ended, output, seconds: (performance.now() - from) / 1000 }
}

function endGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    // It has ended by itself.
  }
}
