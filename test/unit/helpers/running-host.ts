import { linkSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { CliContext } from '../../../src/cli/context.ts'
import { keyOf } from '../../../src/root/observe/files.ts'
import { writeRecord } from '../../../src/root/record-file.ts'
import { FIRST_RECORD } from '../../../src/root/standing.ts'
import { systemClock } from '../../../src/system/clock.ts'
import type { Exec } from '../../../src/system/exec.ts'
import { createMachineRoot } from '../../../src/system/machine-root.ts'
import { outputs } from './outputs.ts'
import { temporaryDir } from './temporary.ts'

/** Files of a machine by path; `{ link }`: a second name of a file elsewhere. */
export type MachineFiles = Record<string, string | { link: string }>

export interface RunningHost {
  ctx: CliContext
  out: { stdout: string; stderr: string }
  /** Programs that were run. */
  ran: string[]
  dir: string
  read(path: string): string
}

/** A machine of these files, of which all programs end well and say nothing, unless `exec` runs them. */
export function runningHost(files: MachineFiles, exec?: Exec): RunningHost {
  const dir = temporaryDir()
  const ran: string[] = []
  const { out, stdout, stderr } = outputs()
  const all: MachineFiles = { 'proc/cmdline': 'ro', 'proc/uptime': '30.00 60.00', ...files }
  for (const folder of ['run/speediso', 'etc/speediso/health.d'])
    mkdirSync(join(dir, folder), { recursive: true })
  for (const [path, what] of Object.entries(all)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true })
    if (typeof what === 'string') writeFileSync(join(dir, path), what)
    else linkSync(what.link, join(dir, path))
  }
  const ctx = {
    ...{ stdout, stderr, clock: systemClock, root: createMachineRoot(dir) },
    signal: new AbortController().signal,
    exec: async (file: string, args: readonly string[], options: object) => {
      ran.push([file, ...args].join(' '))
      return exec?.(file, args, options) ?? { stdout: '', stderr: '', exitCode: 0 }
    },
  } as unknown as CliContext
  return { ctx, out, ran, dir, read: (path) => readFileSync(join(dir, path), 'utf8') }
}

/** A hostpart with a current image, which is on trial, and an old one, which is confirmed. */
export async function hostpartOnTrial(boots = 0) {
  const dir = temporaryDir()
  for (const name of ['hn-root.img', 'hn-root-old.img']) writeFileSync(join(dir, name), name)
  const key = async (name: string) => (await keyOf(join(dir, name))) ?? ''
  const [current, old] = [await key('hn-root.img'), await key('hn-root-old.img')]
  await writeRecord(dir, { ...FIRST_RECORD, confirmed: old, trial: { image: current, boots, limit: 3 } })
  return { dir, current, old }
}
