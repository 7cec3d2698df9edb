import * as z from 'zod'

export const AFTER_ACTIONS = ['stay', 'reboot', 'poweroff', 'kexec'] as const

/** What the machine does when the job has ended. */
export type AfterAction = (typeof AFTER_ACTIONS)[number]

export const taskRequestSchema = z.object({
  name: z.string(),
  /** Checked by the task's own schema; secret ones read `***` outside the process that runs the job. */
  options: z.record(z.string(), z.unknown()),
  timeout: z.int().positive().describe('milliseconds'),
})

export const listenSchema = z.union([
  z.literal('off'),
  z.object({ address: z.string(), port: z.int().min(1).max(65_535) }),
])

/** What this boot is asked to do. No task: the plain live system. */
export const jobSchema = z.object({
  schema: z.literal('speediso.job/1'),
  tasks: z.array(taskRequestSchema),
  after: z.enum(AFTER_ACTIONS),
  after_failure: z.enum(AFTER_ACTIONS),
  timeout: z
    .int()
    .positive()
    .nullable()
    .describe('milliseconds for the whole job; null: none but those of its tasks'),
  confirm: z
    .array(z.string())
    .describe('MACs, DMI serials or system UUIDs of the machines that this job is meant for'),
  log: z.object({
    listen: listenSchema,
    token: z.string().nullable().describe('null: a random one'),
    tls: z.boolean().describe('https and wss, with a certificate made at boot'),
  }),
  ssh_keys: z.array(z.string()).describe('authorized keys of root: key lines, or one URL'),
  file: z
    .object({
      url: z.string().nullable().describe('null: none'),
      sha256: z.string().nullable(),
      wait: z.int().positive().describe('milliseconds after which it counts as not to be had'),
    })
    .describe('the job file that lies below the command line'),
  report: z
    .object({
      url: z.string().nullable().describe('null: nowhere'),
      token: z.string().nullable().describe('sent as bearer token'),
      hmac_key: z.string().nullable().describe('signs each message'),
      wait: z.int().positive().describe('milliseconds in which it is to be accepted'),
    })
    .describe('where report, notices and heartbeats are posted'),
  foreman: z.object({
    url: z.string().nullable().describe('null: none'),
    token: z.string().nullable().describe("of Foreman's built call"),
  }),
  nats: z.string().nullable().describe('URL of the NATS server that events and report are published to'),
  ntp: z.array(z.string()).describe('time servers, asked before those of the DHCP lease'),
})

export type TaskRequest = z.infer<typeof taskRequestSchema>
export type Listen = z.infer<typeof listenSchema>
export type Job = z.infer<typeof jobSchema>

/** Where a value of the job comes from. */
export interface Origin {
  from: SourceName | 'default'
  /** The word of the command line, or the line of the file; secrets masked. */
  word?: string
}

/** What a job is made from, besides what is built in; later ones in this list win. */
export const SOURCE_NAMES = ['image defaults', 'job file', 'command line'] as const
export type SourceName = (typeof SOURCE_NAMES)[number]

/** Something wrong with what was asked; with a problem no task runs. */
export interface Problem {
  /** Absent: the command line. */
  from?: SourceName
  /** The name as written. */
  parameter: string
  message: string
  /** What would be right. */
  hint?: string
}

/** A job, and where each of its values comes from, by its path in the job (`after`, `wipe.level`). */
export interface ResolvedJob {
  job: Job
  origins: Record<string, Origin>
  problems: Problem[]
  /** The kernel command line with secrets masked. */
  commandLine: string
  /**
   * Every value that was masked, to be kept out of whatever else is sent away. A function, so that no document that is
   * made of this holds them.
   */
  hidden(): readonly string[]
}
