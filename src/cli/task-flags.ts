import { readFile } from 'node:fs/promises'
import type * as z from 'zod'
import { InputError } from '../errors.ts'
import { isFileOption, isFlagOption } from '../job/catalogue.ts'
import type { Parameter } from '../job/cmdline.ts'
import type { AnyTask } from '../runtime/task.ts'
import { type Flag, JSON_FLAG } from './command.ts'

/** The flags of a task's command: its options as on the kernel command line, and what every task has. */
export function taskFlags(task: AnyTask): Record<string, Flag> {
  const flags: Record<string, Flag> = {
    json: JSON_FLAG,
    plan: { type: 'boolean', default: false, describe: 'print what would be done, and change nothing' },
    timeout: { type: 'string', describe: 'end it after this time, such as 90s or 24h' },
    'run-dir': {
      type: 'string',
      describe: 'keep events and report in this folder; without it they are not kept',
    },
  }
  if (task.destructive) {
    flags.confirm = { type: 'string', describe: 'MAC, DMI serial or system UUID of this machine' }
  }
  for (const [name, tool] of Object.entries(task.tools ?? {})) {
    flags[name] = { type: 'string', describe: tool.describe }
    for (const [flag, describe] of Object.entries(tool.flags)) {
      flags[flag] = { type: 'string', describe: `with --${name}: ${describe}` }
    }
  }
  if (task.resumes === true) {
    const describe = 'go on with the job that was ended in the middle in the folder of --run-dir'
    flags.resume = { type: 'boolean', default: false, describe }
  }
  for (const [key, schema] of Object.entries(task.options.shape)) {
    const description = (schema as z.ZodType).description
    flags[flagName(key)] = {
      type: 'string',
      ...(description === undefined ? {} : { describe: description }),
      ...(isFlagOption(task, key) ? { bare: true } : {}),
    }
  }
  return flags
}

/** The flags with the content of the files that some of them name: a secret on a command line is seen by every user. */
export async function withFiles(
  task: AnyTask,
  argv: Readonly<Record<string, unknown>>,
): Promise<Readonly<Record<string, unknown>>> {
  const given: Record<string, unknown> = { ...argv }
  for (const key of Object.keys(task.options.shape).filter((name) => isFileOption(task, name))) {
    const value = given[flagName(key)]
    if (typeof value !== 'string' || value.includes('BEGIN ')) continue
    const content = await readFile(value, 'utf8').catch((error: NodeJS.ErrnoException) => {
      // What is no path at all may be the value itself.
      if (!/^\.{0,2}\//.test(value)) return undefined
      throw new InputError(`--${flagName(key)}: ${value} cannot be read (${error.code})`, { cause: error })
    })
    if (content !== undefined) given[flagName(key)] = content
  }
  return given
}

/** What the kernel command line would say for the flags that were given. */
export function taskParameters(task: AnyTask, argv: Readonly<Record<string, unknown>>): Parameter[] {
  const parameters: Parameter[] = [word('SPEEDISO', task.name)]
  for (const key of ['timeout', ...Object.keys(task.options.shape)]) {
    const value = argv[flagName(key)]
    if (value === undefined) continue
    const given = value === '' && isFlagOption(task, key) ? 'yes' : String(value)
    parameters.push(word(`speediso.${task.name}.${key}`, given))
  }
  if (argv.confirm !== undefined) parameters.push(word('speediso.confirm', String(argv.confirm)))
  return parameters
}

/** The flag that stands for a parameter, so that a message names what the person wrote. */
export function flagOfParameter(task: AnyTask, parameter: string): string {
  const prefix = `speediso.${task.name}.`
  return `--${flagName(parameter.startsWith(prefix) ? parameter.slice(prefix.length) : parameter.replace('speediso.', ''))}`
}

function flagName(key: string): string {
  return key.replaceAll('_', '-')
}

function word(name: string, value: string): Parameter {
  return { name, value, raw: `${name}=${value}` }
}
