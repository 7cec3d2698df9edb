import { spawn } from 'node:child_process'
import { join } from 'node:path'

export interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

const MAIN = join(import.meta.dirname, '../../../src/main.ts')

/** Runs speediso from its sources, or another executable of it, and waits for its end. */
export async function speediso(
  args: string[],
  options: {
    executable?: string
    env?: Record<string, string>
    until?: string
    signal?: NodeJS.Signals
  } = {},
): Promise<Ended> {
  const { executable, env = {} } = options
  const command: [string, string[]] =
    executable === undefined ? [process.execPath, ['--no-warnings', MAIN, ...args]] : [executable, args]
  const child = spawn(...command, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
  const ended: Ended = { code: null, stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    ended.stdout += text
    // Sent once, when the program has said what the test waits for.
    if (options.until !== undefined && ended.stdout.includes(options.until) && !child.killed)
      child.kill(options.signal)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    ended.stderr += text
  })
  ended.code = await new Promise((resolve) => child.on('close', resolve))
  return ended
}
