import type { Options } from 'yargs'
import type { Outcome } from '../exit.ts'
import type { CliContext } from './context.ts'

/** A flag as yargs takes it. */
export interface Flag extends Options {
  type: 'string' | 'boolean'
  /** An empty value means something. */
  mayBeEmpty?: true
  /** It may stand without a value. */
  bare?: true
}

/** What of a command is known without loading what it does. */
export interface Command {
  /** One line, for the list of commands and above its own help. */
  summary: string
  /** A command line that a person can copy. */
  example: string
  /** One word that may follow the command, and what it is. */
  word?: readonly [name: string, describe: string]
  flags: Readonly<Record<string, Flag>>
  /** `flags` are the flags that were given, and those with a default; the word under its name. */
  run(flags: Readonly<Record<string, unknown>>, ctx: CliContext): Promise<Outcome>
}

/** Commands of one subject, each called by two words. */
export interface CommandGroup {
  summary: string
  commands: Readonly<Record<string, Command>>
}

export const JSON_FLAG: Flag = {
  type: 'boolean',
  default: false,
  describe: 'one JSON document on stdout and nothing else',
}

/** The value of a flag or word that takes a text, when it was given. */
export function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
