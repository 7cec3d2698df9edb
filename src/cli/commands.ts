import yargs, { type Argv, type Options } from 'yargs'
import { InputError } from '../errors.ts'
import type { Outcome } from '../exit.ts'
import { nearest } from '../job/nearest.ts'
import { versionText } from '../version.ts'
import type { CliContext } from './context.ts'
import { taskFlags } from './task-flags.ts'

/** Parses a command line and runs the command that it names. @throws InputError when it names none, or none rightly */
export async function runCommandLine(args: readonly string[], ctx: CliContext): Promise<Outcome> {
  let outcome: Outcome = null
  const json = {
    type: 'boolean',
    default: false,
    describe: 'one JSON document on stdout and nothing else',
  } as const
  const cmdline = { type: 'string', describe: "kernel command line to use in place of the kernel's" } as const

  const known: string[] = ['help']
  const flags = (y: Argv, example: string, options: Record<string, Options>): Argv => {
    known.push(...Object.keys(options))
    for (const option of Object.values(options)) option.requiresArg = option.type === 'string'
    return y.options(options).example(example, '')
  }

  const parser = yargs()
    .scriptName('speediso')
    .usage('$0 COMMAND [OPTION ...]\n\nRuns a bare-metal server from its first second of user space.')
    .command(
      'boot',
      'do the job of this boot; run by the systemd unit',
      (y) =>
        flags(y, 'speediso boot --cmdline "SPEEDISO=inventory"', {
          cmdline: {
            ...cmdline,
            describe: 'try out this kernel command line: ends with the job, never reboots',
          },
          'run-dir': { type: 'string', describe: 'folder for events and report (default /run/speediso)' },
        }),
      async (argv) => {
        const { run } = await import('./boot.ts')
        outcome = await run({ cmdline: text(argv.cmdline), runDir: text(argv['run-dir']) }, ctx)
      },
    )
    .command(
      'job',
      'the job of this boot, and where each value comes from',
      (y) => flags(y, 'speediso job --cmdline "SPEEDISO=inventory speediso.after=reboot"', { cmdline, json }),
      async (argv) => {
        const { run } = await import('./job.ts')
        outcome = await run({ cmdline: text(argv.cmdline), json: argv.json === true }, ctx)
      },
    )
    .command(
      'log [url]',
      "follow a live log to the job's end (this host's by default)",
      (y) =>
        flags(y, 'speediso log "ws://10.0.0.5:7373/?token=TOKEN" --since 100', {
          since: { type: 'string', default: '0', describe: 'only events numbered above this' },
          json: { ...json, describe: 'one JSON event a line' },
        }).positional('url', { type: 'string', describe: 'ws://HOST:PORT/?token=TOKEN' }),
      async (argv) => {
        const { run } = await import('./log.ts')
        outcome = await run({ url: text(argv.url), since: String(argv.since), json: argv.json === true }, ctx)
      },
    )
    .command(
      'report',
      "the report of this boot's job",
      (y) =>
        flags(y, 'speediso report --format json', {
          format: { choices: ['text', 'json'], default: 'text', describe: 'how to show it' },
          'run-dir': { type: 'string', describe: 'folder of the report (default /run/speediso)' },
        }),
      async (argv) => {
        const { run } = await import('./report.ts')
        outcome = await run(
          { format: argv.format === 'json' ? 'json' : 'text', runDir: text(argv['run-dir']) },
          ctx,
        )
      },
    )

  const names = ['boot', 'job', 'log', 'report', ...Object.keys(ctx.registry)]
  // The options of a task are its schema's, so its module is loaded to read its command line.
  const asked = args.find((arg) => !arg.startsWith('-')) ?? ''
  for (const name of Object.keys(ctx.registry)) {
    const task = asked === name ? await ctx.registry[name]?.() : undefined
    parser.command(
      name,
      task?.summary ?? `run the task ${name} here and now`,
      (y) => (task === undefined ? y : flags(y, task.example, { json, ...taskFlags(task) })),
      async (argv) => {
        if (task === undefined) return
        const { run } = await import('./task.ts')
        outcome = await run(task, argv, ctx)
      },
    )
  }

  if (asked !== '' && !names.includes(asked)) {
    const meant = nearest(asked, names)
    const hint = meant === undefined ? `commands are ${names.join(', ')}` : `did you mean ${meant}?`
    throw new InputError(`"${asked}" is no command`, { hint })
  }

  const valued = args.find((arg) => /^--(plan|json)=/.test(arg))
  if (valued !== undefined)
    throw new InputError(`${valued}: this option takes no value`, { hint: 'leave out what follows =' })

  await parser
    .parserConfiguration({ 'duplicate-arguments-array': false, 'boolean-negation': false })
    .version(versionText())
    .help()
    .strict()
    .demandCommand(1, 1, 'no command; speediso --help lists them')
    .wrap(100)
    .exitProcess(false)
    .fail((message, error) => {
      // yargs wraps its own complaints in an error too; any other error is a command's.
      if (error !== undefined && error !== null && error.name !== 'YError') throw error
      throw badCommandLine(message, known)
    })
    .parseAsync([...args])
  return outcome
}

/** yargs' message, with what would be right. */
function badCommandLine(message: string, options: readonly string[]): InputError {
  const unknown = /^Unknown arguments?: ([^,]+)/.exec(message)?.[1]
  if (unknown === undefined) return new InputError(message.split('\n').join(': '))
  const meant = nearest(unknown, options)
  const hint = meant === undefined ? '--help lists what there is' : `did you mean --${meant}?`
  return new InputError(`${unknown} is no option of this command`, { hint })
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
