import { CommandError, ToolMissingError } from '../../errors.ts'
import { type Exec, quoteCommand } from '../exec.ts'

/** How a program ended, whatever it did: callers judge by what the drive says afterwards. */
export interface CommandEnd {
  /** As a person could paste it. */
  command: string
  /** Null: it was ended, never ended, or could not be started. */
  exitCode: number | null
  stdout: string
  stderr: string
  /** `hung`: it did not end even when it was killed: a program that the kernel holds in an ioctl cannot be. */
  ended: 'exit' | 'timeout' | 'cancelled' | 'killed' | 'hung' | 'missing'
}

export interface CommandOptions {
  signal?: AbortSignal | undefined
  /** Milliseconds. */
  timeout: number
}

const EVERY_EXIT_CODE = Array.from({ length: 255 }, (_, index) => index + 1)

/** Runs a program to its end and always comes back, as Exec does: also when the kernel does not let go of it. */
export async function runToEnd(
  exec: Exec,
  file: string,
  args: readonly string[],
  { signal, timeout }: CommandOptions,
): Promise<CommandEnd> {
  const command = quoteCommand(file, args)
  const none = { command, exitCode: null, stdout: '', stderr: '' }
  try {
    const options = { timeout, okExitCodes: EVERY_EXIT_CODE, ...(signal === undefined ? {} : { signal }) }
    const { exitCode, stdout, stderr } = await exec(file, args, options)
    return { command, exitCode, stdout, stderr, ended: 'exit' }
  } catch (error) {
    if (error instanceof ToolMissingError) return { ...none, ended: 'missing' }
    if (!(error instanceof CommandError)) throw error
    return { ...none, ...outputOf(error), ended: howItEnded(error, signal) }
  }
}

function outputOf({ facts }: CommandError): { stdout: string; stderr: string } {
  const text = (value: unknown) => (typeof value === 'string' ? value : '')
  return { stdout: text(facts.stdout), stderr: text(facts.stderr) }
}

function howItEnded({ facts }: CommandError, signal: AbortSignal | undefined): CommandEnd['ended'] {
  if (facts.hung === true) return 'hung'
  if (facts.timedOut === true) return 'timeout'
  return signal?.aborted ? 'cancelled' : 'killed'
}

/** Whether it did all it had to, as far as its exit code tells. */
export function endedWell({ ended, exitCode }: CommandEnd): boolean {
  return ended === 'exit' && exitCode === 0
}

/** One line about an end that was not good; the program's own last words where it had any. */
export function whyNot(end: CommandEnd): string {
  const [tool = ''] = end.command.split(' ')
  if (end.ended === 'missing') return `${tool} is not installed`
  if (end.ended === 'timeout') return `${tool} did not end in its time`
  if (end.ended === 'hung') return `${tool} hangs in the kernel and cannot be ended`
  if (end.ended === 'cancelled') return `${tool} was cancelled`
  if (end.ended === 'killed') return `${tool} was killed`
  const words = lastLine(end.stderr) || lastLine(end.stdout)
  return `${tool} ended with exit code ${end.exitCode}${words === '' ? '' : `: ${words}`}`
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.trim().slice(0, 300) ?? ''
}

/** What of it belongs into the evidence. */
export function commandEvidence(end: CommandEnd): Record<string, unknown> {
  const said = [end.stdout, end.stderr]
    .map((text) => text.trim().slice(0, 1000))
    .filter((text) => text !== '')
  return {
    command: end.command,
    exitCode: end.exitCode,
    ended: end.ended,
    ...(said.length === 0 ? {} : { said }),
  }
}
