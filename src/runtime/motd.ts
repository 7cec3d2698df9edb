import { problemLine } from '../job/explain.ts'
import type { Problem } from '../job/schema.ts'
import type { Verdict } from './verdict.ts'

/** PAM shows the files of this folder at every login. */
export const MOTD_FILE = '/run/motd.d/10-speediso'

export interface BootState {
  version: string
  tasks: readonly string[]
  problems: readonly Problem[]
  /** Undefined while the job runs. */
  ended?: { verdict: Verdict | null; reason?: string }
  /** Address of the live log, when there is one. */
  live?: string
}

/** What somebody who logs in has to know first. */
export function motdText(state: BootState): string {
  const lines = [state.version]
  const { tasks, problems, ended } = state
  if (problems.length > 0) {
    lines.push('NOTHING WAS RUN: what was asked on the kernel command line is not valid:')
    for (const problem of problems) lines.push(`  ${problemLine(problem)}`)
  } else if (tasks.length === 0) lines.push('No task was asked for: this is the plain live system.')
  else if (ended === undefined) lines.push(`Job ${tasks.join(', ')}: running`)
  else {
    const reason = ended.reason === undefined ? '' : ` (${ended.reason})`
    lines.push(`Job ${tasks.join(', ')}: ${(ended.verdict ?? 'unknown').toUpperCase()}${reason}`)
  }
  if (state.live !== undefined) lines.push(`Live log: ${state.live}`)
  if (tasks.length > 0 && ended !== undefined) lines.push('Report: speediso report')
  return `${lines.join('\n')}\n`
}
