import yargs, { type Argv } from 'yargs'
import { InputError } from '../errors.ts'
import type { Outcome } from '../exit.ts'
import { nearest } from '../job/nearest.ts'
import type { TaskRegistry } from '../runtime/task.ts'
import { versionText } from '../version.ts'
import type { Command, CommandGroup } from './command.ts'
import { commands, groups } from './commands.ts'
import { badFlag, checkFlags, checkWords } from './complaints.ts'
import type { CliContext } from './context.ts'

/** Parses a command line and runs the command that it names. @throws InputError when it names none, or none rightly */
export async function runCommandLine(args: readonly string[], ctx: CliContext): Promise<Outcome> {
  const [first, ...words] = reorder(args, namesOf(ctx.registry))
  if (first === undefined) return showGeneralHelp(ctx)
  const group = Object.hasOwn(groups, first) ? groups[first] : undefined
  if (group !== undefined) return runGroup(first, group, words, ctx)
  return runCommand(first, await findCommand(first, ctx.registry), words, ctx)
}

/** A command of a group, such as `root status`. */
async function runGroup(
  name: string,
  { summary, commands: members }: CommandGroup,
  [word, ...rest]: readonly string[],
  ctx: CliContext,
): Promise<Outcome> {
  if (word === undefined || /^(-h|--help)$/.test(word)) {
    const parser = describe(`speediso ${name}`).usage(`$0 COMMAND [OPTION ...]\n\n${summary}.`)
    for (const [key, command] of Object.entries(members)) parser.command(key, command.summary)
    ctx.stdout.write(
      `${await parser.epilogue(`speediso ${name} COMMAND --help tells more, with an example.`).getHelp()}\n`,
    )
    return null
  }
  const command = Object.hasOwn(members, word) ? members[word] : undefined
  if (command !== undefined) return runCommand(`${name} ${word}`, command, rest, ctx)
  const names = Object.keys(members)
  const meant = nearest(word, names)
  const hint = meant === undefined ? `it can be ${names.join(', ')}` : `did you mean ${name} ${meant}?`
  throw new InputError(`"${name} ${word}" is no command`, { hint })
}

async function runCommand(
  name: string,
  command: Command,
  rest: readonly string[],
  ctx: CliContext,
): Promise<Outcome> {
  const { flags, said } = await parse(name, command, rest)
  if (said === '') return command.run(flags, ctx)
  ctx.stdout.write(`${said}\n`)
  return null
}

/** Help may be asked for before the command; nothing else stands there. Without a command: the general help. */
function reorder(args: readonly string[], names: readonly string[]): readonly string[] {
  const [first, ...rest] = args
  if (first === undefined) throw new InputError('no command', { hint: 'speediso --help lists them' })
  if (first !== 'help' && !/^(-h|--help)$/.test(first)) {
    if (!first.startsWith('-')) return args
    const command = rest.find((arg) => names.includes(arg)) ?? 'COMMAND'
    throw new InputError(`${first}: the command comes first`, { hint: `write speediso ${command} ${first}` })
  }
  const command = rest.find((arg) => !arg.startsWith('-'))
  return command === undefined ? [] : [command, '--help']
}

async function showGeneralHelp({ registry, stdout }: CliContext): Promise<Outcome> {
  const parser = describe('speediso').usage(
    '$0 COMMAND [OPTION ...]\n\nRuns a bare-metal server from its first second of user space.',
  )
  for (const [name, { summary }] of Object.entries({ ...commands, ...groups })) parser.command(name, summary)
  for (const [name, load] of Object.entries(registry)) parser.command(name, `task: ${(await load()).summary}`)
  stdout.write(`${await parser.epilogue('speediso COMMAND --help tells more, with an example.').getHelp()}\n`)
  return null
}

/** Only the task that is asked for is loaded: its options are its schema's. */
async function findCommand(name: string, registry: TaskRegistry): Promise<Command> {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command !== undefined) return command
  const load = Object.hasOwn(registry, name) ? registry[name] : undefined
  if (load !== undefined) return (await import('./task.ts')).taskCommand(await load())
  const names = namesOf(registry)
  const meant = nearest(name, names)
  const hint = meant === undefined ? `commands are ${names.join(', ')}` : `did you mean ${meant}?`
  throw new InputError(`"${name}" is no command`, { hint })
}

function namesOf(registry: TaskRegistry): string[] {
  return [...Object.keys(commands), ...Object.keys(groups), ...Object.keys(registry)]
}

/** The flags that were given; or, where help or version was asked for, what that says. */
async function parse(
  name: string,
  command: Command,
  args: readonly string[],
): Promise<{ flags: Record<string, unknown>; said: string }> {
  const { word, flags, summary, example } = command
  const parser = describe(`speediso ${name}`)
    .usage(word === undefined ? '$0' : `$0 [${word[0]}]`, summary, (y) =>
      word === undefined ? y : y.positional(word[0], { type: 'string', describe: word[1] }),
    )
    .example(example, '')
    .strictOptions()
    .fail((message, error) => {
      // yargs wraps its own complaints in an error too; any other error is a defect.
      if (error !== undefined && error !== null && error.name !== 'YError') throw error
      throw badFlag(message, args, command)
    })
  for (const [key, { mayBeEmpty, bare, ...flag }] of Object.entries(flags))
    parser.option(key, { ...flag, requiresArg: flag.type === 'string' && bare !== true })
  let said = ''
  const given = await parser.parseAsync([...args], {}, (_error, _argv, output) => {
    said = output
  })
  if (said === '') {
    checkWords(name, given._.map(String), command)
    checkFlags(args, given, command)
  }
  return { flags: given, said }
}

function describe(scriptName: string): Argv {
  return yargs()
    .scriptName(scriptName)
    .parserConfiguration({
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'duplicate-arguments-array': false,
      'parse-positional-numbers': false,
      'short-option-groups': false,
    })
    .help()
    .alias('help', 'h')
    .version(versionText())
    .alias('version', 'V')
    .wrap(100)
    .exitProcess(false)
}
