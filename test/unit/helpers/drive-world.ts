import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { CommandError, ToolMissingError } from '../../../src/errors.ts'
import type { Clock } from '../../../src/system/clock.ts'
import type { EraseDeps } from '../../../src/system/drive/deps.ts'
import type { Exec } from '../../../src/system/exec.ts'
import type { MachineRoot } from '../../../src/system/machine-root.ts'
import { createMemoryRoot, type Entry, type MemoryRoot } from './memory-root.ts'

export interface Answer {
  stdout?: string
  stderr?: string
  exitCode?: number
}

interface DriveRecording {
  files: Record<string, Entry>
  commands: Record<string, Answer>
}

const FIXTURES = join(import.meta.dirname, '../../fixtures/drive')

/** What the tools said of one drive; a command that was not recorded counts as a tool that is not installed. */
export function openDriveRecording(
  name: string,
  changes: { commands?: Record<string, Answer | null>; files?: Record<string, Entry | null> } = {},
): { root: MemoryRoot; exec: Exec; ran: string[] } {
  const recording = JSON.parse(readFileSync(join(FIXTURES, `${name}.json`), 'utf8')) as DriveRecording
  const root = createMemoryRoot('/recording')
  const files = Object.entries({ ...recording.files, ...changes.files })
  const rank = (entry: Entry | null) =>
    typeof entry === 'object' && entry !== null && 'link' in entry ? 0 : 1
  for (const [path, entry] of files.toSorted(([, a], [, b]) => rank(a) - rank(b))) root.put(path, entry)
  const commands = { ...recording.commands, ...changes.commands }
  const ran: string[] = []
  const exec = createFakeExec((line) => {
    ran.push(line)
    return commands[line] ?? undefined
  })
  return { root, exec, ran }
}

/** An Exec over a function of the command line. Undefined: not installed; `hang`: until its time limit or the signal. */
export function createFakeExec(
  answer: (line: string, options: { timeout: number | undefined }) => Answer | 'hang' | undefined,
): Exec {
  return async (file, args, options = {}) => {
    const line = [file, ...args].join(' ')
    const result = answer(line, { timeout: options.timeout })
    await turn()
    if (result === undefined)
      throw new ToolMissingError(`${file}: not installed`, { facts: { command: line } })
    if (result === 'hang') {
      const timedOut = options.signal?.aborted !== true
      throw new CommandError(`${file} ${timedOut ? 'did not end in its time' : 'was cancelled'}`, {
        facts: { command: line, timedOut },
      })
    }
    const { stdout = '', stderr = '', exitCode = 0 } = result
    if (exitCode !== 0 && !options.okExitCodes?.includes(exitCode)) {
      throw new CommandError(`${file} ended with exit code ${exitCode}`, {
        facts: { exitCode, stdout, stderr },
      })
    }
    return { stdout, stderr, exitCode }
  }
}

export interface World {
  clock: Clock
  /** Milliseconds that have passed: only sleeping, and what a fake drive takes for itself, lets time pass. */
  pass(milliseconds: number): void
  now(): number
  deps: EraseDeps
  log: string[]
  /** What was told of the progress: percentages. */
  shown: (number | null)[]
  journal: boolean[]
  cancel: AbortController
}

/** A world with a clock of its own, in which hours pass at once. */
export function createWorld(exec: Exec, root: MachineRoot, changes: Partial<EraseDeps> = {}): World {
  let now = 0
  const clock: Clock = { now: () => now, monotonic: () => now }
  const cancel = new AbortController()
  const log: string[] = []
  const shown: (number | null)[] = []
  const journal: boolean[] = []
  const deps: EraseDeps = {
    exec,
    root,
    clock,
    signal: cancel.signal,
    log: (level, message) => log.push(`${level}: ${message}`),
    progress: (percent) => shown.push(percent),
    stallLimit: 600_000,
    suspendAllowed: false,
    journal: { passwordSet: async (set) => void journal.push(set) },
    sleep: async (milliseconds, signal) => {
      await turn()
      if (signal.aborted) throw signal.reason
      now += milliseconds
    },
    ...changes,
  }
  return {
    clock,
    pass: (milliseconds) => (now += milliseconds),
    now: () => now,
    deps,
    log,
    shown,
    journal,
    cancel,
  }
}
