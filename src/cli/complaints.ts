import { InputError } from '../errors.ts'
import { nearest } from '../job/nearest.ts'
import type { Command } from './command.ts'

/** yargs' message, as one line that names what was written and what would be right. */
export function badFlag(message: string, args: readonly string[], command: Command): InputError {
  const unknown = /^Unknown arguments?: ([^,]+)/.exec(message)?.[1]
  if (unknown !== undefined) {
    const meant = nearest(unknown, [...Object.keys(command.flags), 'help'])
    const hint = meant === undefined ? '--help lists what there is' : `did you mean --${meant}?`
    return new InputError(`${asWritten(unknown, args)} is no option of this command`, { hint })
  }
  const empty = /^Not enough arguments following: (\S+)/.exec(message)?.[1]
  if (empty !== undefined) return noValue(empty, command)
  const [, key, value = '', choices = ''] =
    /Argument: (\S+), Given: "(.*)", Choices: (.*)/s.exec(message) ?? []
  if (key === undefined) return new InputError(message.split('\n').join(' '))
  return new InputError(`--${key}: "${value}" is none of ${choices.replaceAll('"', '')}`)
}

/** A value for a flag that takes none would be dropped, and none for one that needs it would be read as a default. */
export function checkFlags(
  args: readonly string[],
  given: Readonly<Record<string, unknown>>,
  command: Command,
): void {
  for (const [key, flag] of Object.entries(command.flags)) {
    const valued = flag.type === 'boolean' && args.find((arg) => arg.startsWith(`--${key}=`))
    if (typeof valued === 'string')
      throw new InputError(`${valued}: this option takes no value`, { hint: 'leave out what follows =' })
    const times = args.filter((arg) => arg === `--${key}` || arg.startsWith(`--${key}=`)).length
    // One of them would be dropped, and nobody can tell which was meant.
    if (times > 1 && flag.type === 'string')
      throw new InputError(`--${key} stands ${times} times`, { hint: 'give it once' })
    if (given[key] === '' && flag.mayBeEmpty !== true && flag.bare !== true) throw noValue(key, command)
  }
}

/** Words that follow the command, beyond the one that it may take. */
export function checkWords(name: string, extra: readonly string[], { word, flags }: Command): void {
  const [first] = extra
  if (first === undefined) return
  const takes = word === undefined ? 'takes options only' : `takes one ${word[0]} and options`
  const meant = nearest(first, Object.keys(flags))
  const hint = meant === undefined ? `speediso ${name} --help lists them` : `did you mean --${meant}?`
  throw new InputError(`"${first}" is too much: speediso ${name} ${takes}`, { hint })
}

function noValue(key: string, { flags }: Command): InputError {
  return new InputError(`--${key} has no value`, { hint: `--${key}=VALUE: ${flags[key]?.describe}` })
}

/** With the dashes that it had. */
function asWritten(key: string, args: readonly string[]): string {
  return (
    args.map((arg) => arg.replace(/=.*$/s, '')).find((arg) => arg === `-${key}` || arg === `--${key}`) ?? key
  )
}
