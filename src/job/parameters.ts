import { parseDuration } from './duration.ts'
import { nearest } from './nearest.ts'
import { AFTER_ACTIONS, type AfterAction, type Job, type Listen } from './schema.ts'

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
      if (!/^[\w.~-]{8,128}$/.test(value)) {
        throw new RangeError('it takes 8 to 128 letters, digits, or any of . _ ~ -')
      }
      job.log.token = value
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
]

/** Parameters of ours that only the initramfs reads. */
export const INITRAMFS_PARAMETERS: readonly string[] = [
  'speediso.sha256',
  'speediso.mirror',
  'speediso.fetch.attempts',
  'speediso.fetch.after_failure',
]

function parseAfter(value: string): AfterAction {
  const action = AFTER_ACTIONS.find((known) => known === value)
  if (action !== undefined) return action
  const meant = nearest(value, AFTER_ACTIONS)
  throw new RangeError(
    `"${value}" is none of ${AFTER_ACTIONS.join(', ')}${meant === undefined ? '' : `; did you mean ${meant}?`}`,
  )
}

function parseListen(value: string): Listen {
  if (value === 'off') return 'off'
  const match = /^(?<address>\[[0-9a-fA-F:.]+\]|[\w.-]+):(?<port>\d{1,5})$/.exec(value)
  const port = Number(match?.groups?.port)
  const address = match?.groups?.address?.replace(/^\[|\]$/g, '')
  if (address === undefined || !(port >= 1 && port <= 65_535)) {
    throw new RangeError(`"${value}" is not ADDR:PORT; write one such as 0.0.0.0:7373 or [::]:7373, or off`)
  }
  return { address, port }
}

const KEY_LINE = /^(ssh-(ed25519|rsa)|ecdsa-sha2-nistp\d+|sk-[\w@.-]+) [A-Za-z0-9+/=]+( [^\n]*)?$/

function parseSshKeys(value: string): string[] {
  if (/^https?:\/\/\S+$/.test(value)) return [value]
  const keys = value.split(',').map((key) => key.trim())
  for (const key of keys) {
    if (!KEY_LINE.test(key)) {
      throw new RangeError('it is neither a URL nor key lines; write "ssh-ed25519 AAAA... comment" in quotes')
    }
  }
  return keys
}
