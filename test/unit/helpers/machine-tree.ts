import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { CommandError, ToolMissingError } from '../../../src/errors.ts'
import type { Exec } from '../../../src/system/exec.ts'
import type { MachineRoot } from '../../../src/system/machine-root.ts'
import { createMemoryRoot, type Entry } from './memory-root.ts'
import { temporaryDir } from './temporary.ts'

export interface Recording {
  files: Record<string, Entry>
  commands: Record<string, { stdout: string; exitCode: number }>
}

export interface Machine {
  root: MachineRoot
  exec: Exec
  /** Every command line that was run, in order. */
  ran: string[]
}

export const MACHINES = ['microvm-no-smbios', 'qemu-bios-server', 'qemu-uefi-odd'] as const

const FIXTURES = join(import.meta.dirname, '../../fixtures/machines')

export function readRecording(name: (typeof MACHINES)[number]): Recording {
  return JSON.parse(readFileSync(join(FIXTURES, `${name}.json`), 'utf8')) as Recording
}

export interface Changes {
  /** Paths as a reader asks for them; null takes the file or directory away. */
  files?: Record<string, Entry | null>
  commands?: Record<string, { stdout: string; exitCode: number } | null>
}

/** A recorded machine, perhaps with changes, as a tree that the readers can read. */
export function openMachine(name: (typeof MACHINES)[number], changes: Changes = {}): Machine {
  return openTree(readRecording(name), changes)
}

export function openTree(recording: Partial<Recording>, changes: Changes = {}): Machine {
  const root = createMemoryRoot('/recording')
  for (const [path, entry] of sorted(Object.entries(recording.files ?? {}))) root.put(path, entry)
  const changed = Object.entries(changes.files ?? {})
  for (const [path, entry] of changed) if (entry === null) root.put(path, null)
  for (const [path, entry] of changed) if (entry !== null) root.put(path, entry)
  const ran: string[] = []
  return { root, exec: replay({ ...recording.commands, ...changes.commands }, ran), ran }
}

/** The recording as real files, gone when the process ends. Errors that were recorded become files that are not there. */
export function unpackMachine(name: (typeof MACHINES)[number]): { dir: string; exec: Exec } {
  const { files, commands } = readRecording(name)
  const dir = temporaryDir()
  for (const [path, entry] of sorted(Object.entries(files))) {
    const at = join(dir, path)
    mkdirSync(dirname(at), { recursive: true })
    if (typeof entry === 'string') writeFileSync(at, entry)
    else if ('base64' in entry) writeFileSync(at, Buffer.from(entry.base64, 'base64'))
    else if ('dir' in entry) mkdirSync(at, { recursive: true })
    else if ('link' in entry) {
      const target = resolve(dirname(at), entry.link)
      if (!target.startsWith(dir)) throw new Error(`${path} links out of the tree`)
      symlinkSync(entry.link, at)
      mkdirSync(target, { recursive: true })
    }
  }
  return { dir, exec: replay(commands, []) }
}

/** Links first, so that what lies behind them is written through them. */
function sorted(entries: [string, Entry][]): [string, Entry][] {
  const isLink = (entry: Entry) => Number(typeof entry === 'object' && 'link' in entry)
  return entries.toSorted(([a, x], [b, y]) => isLink(y) - isLink(x) || (a < b ? -1 : 1))
}

function replay(commands: Record<string, { stdout: string; exitCode: number } | null>, ran: string[]): Exec {
  return async (file, args, options = {}) => {
    const line = [file, ...args].join(' ')
    ran.push(line)
    const recorded = commands[line]
    if (recorded === undefined || recorded === null) {
      const installed = Object.entries(commands).some(
        ([key, value]) => value !== null && key.startsWith(`${file} `),
      )
      if (installed) throw new CommandError(`${file} ended with exit code 1`, { facts: { command: line } })
      throw new ToolMissingError(`${file}: not installed`, { facts: { command: line } })
    }
    if (recorded.exitCode !== 0 && !options.okExitCodes?.includes(recorded.exitCode)) {
      throw new CommandError(`${file} ended with exit code ${recorded.exitCode}`, {
        facts: { command: line },
      })
    }
    return { stdout: recorded.stdout, stderr: '', exitCode: recorded.exitCode }
  }
}
