import { parseDuration } from './duration.ts'
import { AFTER_ACTIONS, type Job, type Listen } from './schema.ts'
import {
  parseAfter,
  parseListen,
  parseServerUrl,
  parseSshKeys,
  parseSwitch,
  parseTemplate,
  parseToken,
  parseUrl,
} from './values.ts'

/** A `speediso.` parameter that belongs to the job and not to a task. */
export interface JobParameter {
  name: string
  /** The job's field that it sets, for provenance. */
  field: string
  secret?: true
  /** For `speediso job` and error messages: what a value looks like. */
  form: string
  /** @throws RangeError that says what would be right */
  apply(job: Job, value: string): void
}

/** The live log listens here unless told otherwise: every IPv4 address of the host. */
export const DEFAULT_LISTEN: Listen = { address: '0.0.0.0', port: 7373 }

/** How long a server that does not answer as it should is asked again, in milliseconds. */
export const DEFAULT_WAIT = { file: 600_000, report: 3_600_000 } as const

export const JOB_PARAMETERS: readonly JobParameter[] = [
  {
    name: 'speediso.after',
    field: 'after',
    form: AFTER_ACTIONS.join('|'),
    apply: (job, value) => {
      job.after = parseAfter(value)
    },
  },
  {
    name: 'speediso.after_failure',
    field: 'after_failure',
    form: AFTER_ACTIONS.join('|'),
    apply: (job, value) => {
      job.after_failure = parseAfter(value)
    },
  },
  {
    name: 'speediso.timeout',
    field: 'timeout',
    form: 'DURATION, such as 90s or 24h',
    apply: (job, value) => {
      job.timeout = parseDuration(value)
    },
  },
  {
    name: 'speediso.confirm',
    field: 'confirm',
    form: 'MAC, DMI serial or system UUID of this machine; a comma list for a group',
    apply: (job, value) => {
      const names = value.split(',').map((name) => name.trim())
      if (names.includes(''))
        throw new RangeError('it names no machine; write a MAC, a DMI serial or a system UUID')
      job.confirm = names
    },
  },
  {
    name: 'speediso.log',
    field: 'log.listen',
    form: 'ADDR:PORT, such as 0.0.0.0:7373, or off',
    apply: (job, value) => {
      job.log.listen = parseListen(value)
    },
  },
  {
    name: 'speediso.log.token',
    field: 'log.token',
    secret: true,
    form: 'the word that a viewer of the live log has to give',
    apply: (job, value) => {
      job.log.token = parseToken(value)
    },
  },
  {
    name: 'speediso.log.tls',
    field: 'log.tls',
    form: 'on|off',
    apply: (job, value) => {
      job.log.tls = parseSwitch(value)
    },
  },
  {
    name: 'speediso.ssh.keys',
    field: 'ssh_keys',
    form: 'http(s) URL of an authorized_keys file, or "TYPE KEY [COMMENT]" in quotes; several with a comma',
    apply: (job, value) => {
      job.ssh_keys = parseSshKeys(value)
    },
  },
  {
    name: 'speediso.job',
    field: 'file.url',
    form: 'http(s) URL of a YAML or JSON job file; ${mac}, ${uuid}, ${serial}, ${hostname} are filled in',
    apply: (job, value) => {
      job.file.url = parseTemplate(value)
    },
  },
  {
    name: 'speediso.job.sha256',
    field: 'file.sha256',
    form: 'SHA-256 of the job file, 64 hex digits',
    apply: (job, value) => {
      if (!/^[0-9a-f]{64}$/i.test(value))
        throw new RangeError(`"${value}" is no SHA-256; it takes 64 hex digits`)
      job.file.sha256 = value.toLowerCase()
    },
  },
  {
    name: 'speediso.job.wait',
    field: 'file.wait',
    form: 'DURATION, such as 90s or 10m',
    apply: (job, value) => {
      job.file.wait = parseDuration(value)
    },
  },
  {
    name: 'speediso.report',
    field: 'report.url',
    form: 'http(s) URL that takes the report by POST',
    apply: (job, value) => {
      job.report.url = parseUrl(value, ['http', 'https'])
    },
  },
  {
    name: 'speediso.report.token',
    field: 'report.token',
    secret: true,
    form: 'bearer token for it',
    apply: (job, value) => {
      job.report.token = parseToken(value)
    },
  },
  {
    name: 'speediso.report.hmac_key',
    field: 'report.hmac_key',
    secret: true,
    form: 'key that signs each message; better in the job file than on the command line',
    apply: (job, value) => {
      if (value.length < 16) throw new RangeError('it takes 16 characters or more')
      job.report.hmac_key = value
    },
  },
  {
    name: 'speediso.report.wait',
    field: 'report.wait',
    form: 'DURATION, such as 10m or 1h',
    apply: (job, value) => {
      job.report.wait = parseDuration(value)
    },
  },
  {
    name: 'speediso.foreman',
    field: 'foreman.url',
    form: 'http(s) URL of a Foreman server',
    apply: (job, value) => {
      job.foreman.url = parseUrl(value, ['http', 'https'])
    },
  },
  {
    name: 'speediso.foreman.token',
    field: 'foreman.token',
    secret: true,
    form: "token of Foreman's built call",
    apply: (job, value) => {
      job.foreman.token = parseToken(value)
    },
  },
  {
    name: 'speediso.nats',
    field: 'nats',
    form: 'nats://HOST:4222 or tls://HOST:4222',
    apply: (job, value) => {
      job.nats = parseServerUrl(value, ['nats', 'tls'])
    },
  },
  {
    name: 'speediso.ntp',
    field: 'ntp',
    form: 'time servers, a comma list',
    apply: (job, value) => {
      const servers = value.split(',').map((name) => name.trim())
      if (!servers.every((name) => /^[\w.:-]+$/.test(name)))
        throw new RangeError(`"${value}" is no comma list of host names or addresses`)
      job.ntp = servers
    },
  },
]

/** Parameters of ours that only the initramfs reads. */
export const INITRAMFS_PARAMETERS: readonly string[] = [
  'speediso.sha256',
  'speediso.mirror',
  'speediso.fetch.attempts',
  'speediso.fetch.after_failure',
  'speediso.hostpart',
  'speediso.booted',
  'speediso.image',
  'speediso.tries',
  'speediso.fallback',
  'speediso.loader',
  'speediso.append',
  'speediso.restarted',
  'speediso.switch.timeout',
  'speediso.root.tries',
  'speediso.root.deadline',
]
