import { maskWord, SECRET } from '../mask.ts'
import { formatDuration } from './duration.ts'
import type { Job, Problem, ResolvedJob } from './schema.ts'

/** The job as it may be shown, logged and reported: secrets masked. `secrets` are paths such as `wipe.key`. */
export function maskJob(job: Job, isSecret: (task: string, key: string) => boolean): Job {
  return {
    ...job,
    tasks: job.tasks.map((task) => ({
      ...task,
      options: Object.fromEntries(
        Object.entries(task.options).map(([key, value]) => [key, isSecret(task.name, key) ? SECRET : value]),
      ),
    })),
    ssh_keys: job.ssh_keys.map(maskWord),
    log: { ...job.log, token: hidden(job.log.token) },
    file: { ...job.file, url: maskUrl(job.file.url) },
    report: {
      ...job.report,
      url: maskUrl(job.report.url),
      token: hidden(job.report.token),
      hmac_key: hidden(job.report.hmac_key),
    },
    foreman: { url: maskUrl(job.foreman.url), token: hidden(job.foreman.token) },
    nats: maskUrl(job.nats),
  }
}

function hidden(secret: string | null): string | null {
  return secret === null ? null : SECRET
}

function maskUrl(url: string | null): string | null {
  return url === null ? null : maskWord(url)
}

export function problemLine(problem: Problem): string {
  const where = problem.from === undefined ? '' : `${problem.from}: `
  return `${where}${problem.parameter}: ${problem.message}${problem.hint === undefined ? '' : `; ${problem.hint}`}`
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(shown).join(', ')
  // What was parsed keeps the words that it was made of.
  const text = (value as { text?: unknown } | null)?.text
  if (typeof text === 'string') return text
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** The job for people: each value and where it comes from, one line each. Takes a masked job. */
export function describeJob(job: Job, resolved: Omit<ResolvedJob, 'job' | 'hidden'>): string[] {
  const rows: [string, string, string][] = []
  const row = (label: string, field: string, value: string) => {
    const origin = resolved.origins[field]
    rows.push([
      label,
      value,
      origin?.word === undefined ? (origin?.from ?? 'default') : `${origin.from}: ${origin.word}`,
    ])
  }
  const names = job.tasks.map((task) => task.name)
  row('tasks', 'tasks', names.length === 0 ? 'none: plain live system' : names.join(', '))
  for (const task of job.tasks) {
    row(`${task.name} timeout`, `${task.name}.timeout`, formatDuration(task.timeout))
    for (const [key, value] of Object.entries(task.options)) {
      row(`${task.name} ${key}`, `${task.name}.${key}`, shown(value))
    }
  }
  row('after', 'after', job.after)
  row('after failure', 'after_failure', job.after_failure)
  row('timeout', 'timeout', job.timeout === null ? 'none' : formatDuration(job.timeout))
  row('confirm', 'confirm', job.confirm.length === 0 ? 'none' : job.confirm.join(', '))
  const { listen, token } = job.log
  row(
    'log',
    'log.listen',
    listen === 'off'
      ? 'off'
      : `${listen.address.includes(':') ? `[${listen.address}]` : listen.address}:${listen.port}`,
  )
  row('log token', 'log.token', token ?? 'random, shown on the console')
  row('SSH keys', 'ssh_keys', job.ssh_keys.length === 0 ? 'none' : job.ssh_keys.join(', '))
  const rest: [string, string, string | null][] = [
    ['log TLS', 'log.tls', job.log.tls ? 'on' : null],
    ['job file', 'file.url', job.file.url],
    ['job file SHA-256', 'file.sha256', job.file.sha256],
    ['report', 'report.url', job.report.url],
    ['report token', 'report.token', job.report.token],
    ['report HMAC key', 'report.hmac_key', job.report.hmac_key],
    ['report wait', 'report.wait', job.report.url === null ? null : formatDuration(job.report.wait)],
    ['Foreman', 'foreman.url', job.foreman.url],
    ['Foreman token', 'foreman.token', job.foreman.token],
    ['NATS', 'nats', job.nats],
    ['time servers', 'ntp', job.ntp.length === 0 ? null : job.ntp.join(', ')],
  ]
  // What nobody has asked for is not worth a line.
  for (const [label, field, value] of rest) if (value !== null) row(label, field, value)
  const width = (column: 0 | 1) => Math.max(...rows.map((cells) => Math.min(cells[column].length, 36)))
  return rows.map(([a, b, c]) => `${a.padEnd(width(0))}  ${b.padEnd(width(1))}  ${c}`.trimEnd())
}
