import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { problemLine } from '../job/explain.ts'
import type { Problem } from '../job/schema.ts'
import { printable } from '../printable.ts'
import type { MachineRoot } from '../system/machine-root.ts'
import type { Verdict } from './verdict.ts'

/** PAM shows the files of this folder at every login. */
const MOTD_FILE = '/run/motd.d/10-speediso'

export interface BootState {
  /** Versions of program and image. */
  version: string
  tasks: readonly string[]
  problems: readonly Problem[]
  /** Address of the live log, when there is one. */
  live?: string | undefined
  /** The job file is still to come. */
  waiting?: boolean | undefined
  /** Undefined while the job runs. */
  ended?: { verdict: Verdict | null; reason?: string | undefined } | undefined
}

/** What somebody who logs in has to know first. */
export function motdLines(state: BootState): string[] {
  const live = state.live === undefined ? [] : [`Live log: ${state.live}`]
  return [state.version, ...jobLines(state), ...live]
}

/** What is asked of this boot, and what became of it. */
export function jobLines({ tasks, problems, waiting, ended }: BootState): string[] {
  if (waiting) return ['Job: waiting for all that says what it is']
  // A restarted speediso may have problems with a job that was begun; then what became of it counts.
  if (problems.length > 0 && tasks.length === 0) {
    const lines = problems.map((problem) => `  ${problemLine(problem)}`)
    return ['NOTHING WAS RUN: what this machine is asked to do is not valid:', ...lines]
  }
  if (tasks.length === 0) return ['No task was asked for: this is the plain live system.']
  if (ended === undefined) return [`Job ${tasks.join(', ')}: running`]
  const reason = ended.reason === undefined ? '' : ` (${ended.reason})`
  return [
    `Job ${tasks.join(', ')}: ${(ended.verdict ?? 'unknown').toUpperCase()}${reason}`,
    'Report: speediso report',
  ]
}

export async function writeMotd(state: BootState, root: MachineRoot): Promise<void> {
  const path = root.path(MOTD_FILE)
  await mkdir(dirname(path), { recursive: true })
  // Only root logs in, and the address may carry the live log's token.
  await writeFile(path, `${motdLines(state).map(printable).join('\n')}\n`, { mode: 0o600 })
}
