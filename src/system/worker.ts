import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { isSea } from 'node:sea'
import { fileURLToPath } from 'node:url'

/** How a worker process ended. */
export interface WorkerExit {
  code: number | null
  signal: NodeJS.Signals | null
  /** The end of what it wrote on stderr, or why it could not be started. */
  stderr: string
}

export interface WorkerEvents {
  /** One line that it wrote on stdout, parsed; undefined: one that is no JSON. */
  message(value: unknown): void
  /** Once, when it has ended and everything that it wrote was handed over. */
  exit(exit: WorkerExit): void
}

export interface RunningWorker {
  /** Undefined when it could not be started. */
  readonly pid: number | undefined
  /** Ends it and all that it started, at once. */
  kill(): void
  /** Keeps neither this process nor anything of it any more; one that hangs in the kernel ends when that lets it. */
  abandon(): void
}

/**
 * Starts this very program again as a worker, in a process group of its own. `kind` is the hidden first argument that
 * main.ts hands on, the request goes to its stdin as one JSON line. Stdin stays open: its end tells the worker that this
 * process has ended. Never throws; a process that could not be started ends.
 */
export type StartWorker = (kind: string, request: unknown, events: WorkerEvents) => RunningWorker

/** Threads for reads and writes: as many as are under way at once, and one each to flush and to look at the device. */
const THREADS = '8'
/** Kept of stderr, in characters. */
const STDERR_KEPT = 4096

/** @param program the command of this program; by default found out */
export function createStartWorker(program: readonly string[] = ownProgram()): StartWorker {
  const running = new Set<() => void>()
  process.on('exit', () => {
    for (const kill of running) kill()
  })
  return (kind, request, events) => {
    const [file = '', ...args] = program
    const child = spawn(file, [...args, kind], {
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
      env: { ...process.env, UV_THREADPOOL_SIZE: THREADS },
    })
    let stderr = ''
    let rest = ''
    let ended = false
    const kill = () => {
      if (child.pid === undefined || ended) return
      try {
        process.kill(-child.pid, 'SIGKILL')
      } catch {
        // It has ended.
      }
    }
    running.add(kill)
    const exit = (code: number | null, signal: NodeJS.Signals | null) => {
      if (ended) return
      ended = true
      running.delete(kill)
      events.exit({ code, signal, stderr })
    }
    child.stdin.on('error', () => {})
    child.stdin.write(`${JSON.stringify(request)}\n`)
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-STDERR_KEPT)
    })
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) events.message(parse(line))
    })
    child.on('error', (error) => {
      stderr = error.message
      exit(null, null)
    })
    child.on('close', exit)
    return {
      pid: child.pid,
      kill,
      abandon() {
        ended = true
        running.delete(kill)
        for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy()
        child.unref()
      },
    }
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

/** The executable itself, or Node with the script that it runs. */
export function ownProgram(): string[] {
  if (isSea()) return [process.execPath]
  const here = fileURLToPath(import.meta.url)
  // Unbundled each module is a file of its own; in a bundle this one is in the program's only file.
  const script = here.endsWith('.ts') ? join(here, '../../main.ts') : here
  return [process.execPath, '--no-warnings', script]
}
