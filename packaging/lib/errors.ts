/** What went wrong in a build; the message is one line for people, the hint says what to do about it. */
export class BuildError extends Error {
  readonly hint: string | undefined

  constructor(message: string, details: { hint?: string; cause?: unknown } = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = new.target.name
    this.hint = details.hint
  }
}

/** The command line is wrong: nothing was done, exit code 2. */
export class UsageError extends BuildError {}

/** A program of the build host is not installed. */
export class MissingToolError extends BuildError {}

/** A program ended otherwise than it should. */
export class ToolError extends BuildError {
  readonly tool: string
  /** Undefined when a signal ended it. */
  readonly exitCode: number | undefined
  readonly lastLines: readonly string[]
  /** File that holds everything the build's programs printed. */
  readonly log: string

  constructor(
    message: string,
    facts: { tool: string; exitCode: number | undefined; lastLines: readonly string[]; log: string },
    cause?: unknown,
  ) {
    super(message, { cause })
    this.tool = facts.tool
    this.exitCode = facts.exitCode
    this.lastLines = facts.lastLines
    this.log = facts.log
  }
}

/** The error as a person should read it: message, last output, log, hint, causes. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const lines = [error.message]
  if (error instanceof ToolError) {
    lines.push(...error.lastLines.map((line) => `  | ${line}`), `  full log: ${error.log}`)
  }
  if (error instanceof BuildError && error.hint !== undefined) lines.push(`  hint: ${error.hint}`)
  for (let e = error.cause; e instanceof Error; e = e.cause) lines.push(`  because: ${e.message}`)
  return lines.join('\n')
}
