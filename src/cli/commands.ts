import { type Command, type CommandGroup, type Flag, JSON_FLAG, text } from './command.ts'
import { rootCommands } from './root/commands.ts'

const CMDLINE: Flag = {
  type: 'string',
  mayBeEmpty: true,
  describe: "kernel command line to use in place of the kernel's",
}

const RUN_DIR_FLAG: Flag = {
  type: 'string',
  describe: 'folder of events and report (default /run/speediso)',
}

/** Every command that is no task. What a command does is loaded when it is called. */
export const commands: Readonly<Record<string, Command>> = {
  boot: {
    summary: 'do the job of this boot; run by the systemd unit',
    example: 'speediso boot --cmdline "SPEEDISO=inventory"',
    flags: {
      cmdline: {
        ...CMDLINE,
        describe: 'try out this kernel command line: ends with the job, never reboots',
      },
      'run-dir': { type: 'string', describe: 'folder for events and report (default /run/speediso)' },
    },
    async run(flags, ctx) {
      const { run } = await import('./boot.ts')
      return run({ cmdline: text(flags.cmdline), runDir: text(flags['run-dir']) }, ctx)
    },
  },
  job: {
    summary: 'the job of this boot, and where each value comes from',
    example: 'speediso job --cmdline "SPEEDISO=inventory speediso.after=reboot"',
    flags: { cmdline: CMDLINE, json: JSON_FLAG },
    async run(flags, ctx) {
      const { run } = await import('./job.ts')
      return run({ cmdline: text(flags.cmdline), json: flags.json === true }, ctx)
    },
  },
  status: {
    summary: 'what this boot is doing: tasks, running steps, problems',
    example: 'speediso status --json',
    flags: { json: JSON_FLAG, 'run-dir': RUN_DIR_FLAG },
    async run(flags, ctx) {
      const { run } = await import('./status.ts')
      return run({ json: flags.json === true, runDir: text(flags['run-dir']) }, ctx)
    },
  },
  log: {
    summary: "follow a live log to the job's end (this host's by default)",
    example: 'speediso log "http://10.0.0.5:7373/#token=TOKEN" --since 100',
    word: [
      'url',
      'http://HOST:PORT/#token=TOKEN of a live log, or nats://HOST:4222 for all hosts of a fleet',
    ],
    flags: {
      since: { type: 'string', default: '0', describe: 'only events numbered above this' },
      json: { ...JSON_FLAG, describe: 'one JSON event a line' },
      wait: { type: 'boolean', default: false, describe: 'keep trying until the host answers' },
      fingerprint: { type: 'string', describe: 'SHA-256 of the certificate that the log must have' },
      host: { type: 'string', describe: 'host id: of a fleet, follow only this one' },
      'run-dir': RUN_DIR_FLAG,
    },
    async run(flags, ctx) {
      const { run } = await import('./log.ts')
      return run(
        {
          url: text(flags.url),
          since: String(flags.since),
          json: flags.json === true,
          runDir: text(flags['run-dir']),
          wait: flags.wait === true,
          fingerprint: text(flags.fingerprint),
          host: text(flags.host),
        },
        ctx,
      )
    },
  },
  report: {
    summary: "the report of this boot's job",
    example: 'speediso report --format html --output report.html',
    flags: {
      format: {
        type: 'string',
        choices: ['text', 'json', 'html'],
        default: 'text',
        describe: 'how to show it; html is one file to print or attach',
      },
      output: { type: 'string', describe: 'file to write it to, in place of stdout' },
      'run-dir': RUN_DIR_FLAG,
    },
    async run(flags, ctx) {
      const { run } = await import('./report.ts')
      const format = flags.format as 'text' | 'json' | 'html'
      return run({ format, output: text(flags.output), runDir: text(flags['run-dir']) }, ctx)
    },
  },
}

/** Commands that come in groups. */
export const groups: Readonly<Record<string, CommandGroup>> = {
  root: { summary: 'root images of this host: update, revert, trial', commands: rootCommands },
}
