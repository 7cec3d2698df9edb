import type * as z from 'zod'
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
  for (const [key, schema] of Object.entries(task.options.shape)) {
    const description = (schema as z.ZodType).description
    flags[flagName(key)] = { type: 'string', ...(description === undefined ? {} : { describe: description }) }
  }
  return flags
}

/** What the kernel command line would say for the flags that were given. */
export function taskParameters(task: AnyTask, argv: Readonly<Record<string, unknown>>): Parameter[] {
  const parameters: Parameter[] = [word('SPEEDISO', task.name)]
  for (const key of ['timeout', ...Object.keys(task.options.shape)]) {
    const value = argv[flagName(key)]
    if (value !== undefined) parameters.push(word(`speediso.${task.name}.${key}`, String(value)))
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
