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
  /** Undefined while the job runs. */
  ended?: { verdict: Verdict | null; reason?: string | undefined } | undefined
}

/** What somebody who logs in has to know first. */
export function motdLines({ version, tasks, problems, live, ended }: BootState): string[] {
  const lines = [version]
  if (problems.length > 0) {
    lines.push('NOTHING WAS RUN: what the kernel command line asks for is not valid:')
    for (const problem of problems) lines.push(`  ${problemLine(problem)}`)
  } else if (tasks.length === 0) lines.push('No task was asked for: this is the plain live system.')
  else if (ended === undefined) lines.push(`Job ${tasks.join(', ')}: running`)
  else {
    const reason = ended.reason === undefined ? '' : ` (${ended.reason})`
    lines.push(`Job ${tasks.join(', ')}: ${(ended.verdict ?? 'unknown').toUpperCase()}${reason}`)
    lines.push('Report: speediso report')
  }
  if (live !== undefined) lines.push(`Live log: ${live}`)
  return lines
}

export async function writeMotd(state: BootState, root: MachineRoot): Promise<void> {
  const path = root.path(MOTD_FILE)
  await mkdir(dirname(path), { recursive: true })
  // Only root logs in, and the address may carry the live log's token.
  await writeFile(path, `${motdLines(state).map(printable).join('\n')}\n`, { mode: 0o600 })
}
