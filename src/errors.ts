/** Facts that belong to an error and are worth showing or recording beside its message. */
export type ErrorFacts = Readonly<Record<string, unknown>>

export interface ErrorDetails {
  /** What the reader can do about it, one line. */
  hint?: string
  facts?: ErrorFacts
  cause?: unknown
}

/** Base of every error that speediso raises on purpose. `code` is stable, the message is for people. */
export class SpeedisoError extends Error {
  readonly code: string = 'error'
  readonly hint: string | undefined
  readonly facts: ErrorFacts

  constructor(message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = new.target.name
    this.hint = details.hint
    this.facts = details.facts ?? {}
  }
}

/** The input is wrong: nothing was done, exit code 2. */
export class InputError extends SpeedisoError {
  override readonly code: string = 'bad-input'
}

/** A program could not be started because it is not installed. */
export class ToolMissingError extends SpeedisoError {
  override readonly code: string = 'tool-missing'
}

/** A program ran and ended otherwise than it should; the facts hold command, exit code, signal and output. */
export class CommandError extends SpeedisoError {
  override readonly code: string = 'command-failed'
}

/** Something could not be read from the machine. */
export class ReadError extends SpeedisoError {
  override readonly code: string = 'unreadable'
}

/** What it waited for did not come in the time given. */
export class TimeoutError extends SpeedisoError {
  override readonly code: string = 'timeout'
}

/** Message, then hint, then the chain of causes: one line each, for people. */
export function explain(error: unknown): string {
  const lines: string[] = []
  const seen = new Set<unknown>()
  for (let e: unknown = error; e !== undefined && e !== null && !seen.has(e); ) {
    seen.add(e)
    if (e instanceof Error) {
      lines.push(lines.length === 0 ? e.message : `  because: ${e.message}`)
      if (e instanceof SpeedisoError && e.hint !== undefined) lines.push(`  hint: ${e.hint}`)
      e = e.cause
    } else {
      lines.push(lines.length === 0 ? String(e) : `  because: ${String(e)}`)
      break
    }
  }
  return lines.join('\n')
}

/** The same in one line, for logs and reasons. */
export function explainInLine(error: unknown): string {
  return explain(error)
    .split('\n')
    .map((line) => line.trim())
    .join('; ')
}
