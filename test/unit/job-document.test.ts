import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import * as z from 'zod'
import type { Catalogue } from '../../src/job/catalogue.ts'
import { readJobDocument } from '../../src/job/document.ts'
import { describeJob, maskJob, problemLine } from '../../src/job/explain.ts'
import { resolveJob } from '../../src/job/resolve.ts'

const catalogue: Catalogue = new Map([
  [
    'wipe',
    {
      destructive: true,
      timeout: 600_000,
      options: z.object({
        level: z.enum(['clear', 'purge'], { error: 'is neither clear nor purge' }).default('purge'),
        signing_key: z.string().meta({ secret: true }).optional(),
      }),
    },
  ],
])

const read = (text: string) => readJobDocument(text, 'job file', 'http://h/job')
const resolve = (file: string, commandLine = '', defaults = '') =>
  resolveJob(commandLine, catalogue, [
    readJobDocument(defaults || '{}', 'image defaults', '/etc/x'),
    read(file),
  ])
const problems = (file: string, commandLine = '') => resolve(file, commandLine).problems.map(problemLine)

const EXAMPLE = `
schema: speediso.job-file/1
tasks: [wipe]
after: poweroff
confirm:
  - 52:54:00:12:34:56
  - 0123
timeout: 24h
log:
  listen: 0.0.0.0:7000
  token: word-of-the-file
report: { url: https://h/report, hmac_key: 0123456789abcdef, wait: 10m }
wipe:
  level: clear
  timeout: 12h
  signing_key: very-secret
`

test('every kind of value of a job file', () => {
  const { job, problems } = resolve(EXAMPLE)
  assert.equal(problems, [])
  assert.equal(job.tasks, [
    { name: 'wipe', options: { level: 'clear', signing_key: 'very-secret' }, timeout: 43_200_000 },
  ])
  assert.equal(job.confirm, ['52:54:00:12:34:56', '0123'], 'a serial stays as it was written')
  assert.is(job.after, 'poweroff')
  assert.equal(job.log, { listen: { address: '0.0.0.0', port: 7000 }, token: 'word-of-the-file', tls: false })
  assert.equal(job.report, {
    url: 'https://h/report',
    token: null,
    hmac_key: '0123456789abcdef',
    wait: 600_000,
  })
})

test('JSON says the same', () => {
  const { job } = resolve(
    '{"tasks": ["wipe"], "timeout": "24h", "log": {"tls": "on"}, "report": "https://h/"}',
  )
  assert.equal([job.timeout, job.log.tls, job.report.url], [86_400_000, true, 'https://h/'])
})

test('the command line wins over the file, the file over the image', () => {
  const { job, origins } = resolve(
    'after: reboot\ntimeout: 1h',
    'speediso.after=stay',
    'after: poweroff\ntimeout: 2h\nntp: t',
  )
  assert.is(job.after, 'stay')
  assert.is(job.timeout, 3_600_000)
  assert.equal(job.ntp, ['t'])
  assert.equal(origins.after, { from: 'command line', word: 'speediso.after=stay' })
  assert.equal(origins.timeout, { from: 'job file', word: 'timeout: 1h' })
  assert.equal(origins.ntp, { from: 'image defaults', word: 'ntp: t' })
  assert.equal(resolve('tasks: wipe', 'SPEEDISO=rescue').job.tasks, [])
})

test('what loses is not checked', () => {
  assert.equal(problems('after: never', 'speediso.after=stay'), [])
})

for (const [file, line] of [
  ['aftre: reboot', 'job file: aftre: is no parameter of speediso; did you mean after?'],
  ['task: wipe', 'job file: task: is no parameter of speediso; did you mean tasks?'],
  ['wipe: {levle: clear}', 'job file: wipe.levle: is no parameter of speediso; did you mean wipe.level?'],
  ['wipe: {level: all}', 'job file: wipe.level: is neither clear nor purge'],
  ['tasks: wpie', 'job file: tasks: "wpie" is no task of this image; did you mean wipe?'],
  ['after:', 'job file: after: has no value; speediso.after=stay|reboot|poweroff|kexec'],
  ['job: http://other/', 'job file: job: a job file cannot name another; leave it out'],
  ['job: {sha256: x}', 'job file: job.sha256: a job file cannot name another; leave it out'],
  ['sha256: x', 'job file: sha256: is read before there is such a file; write it on the command line'],
  [
    'schema: speediso.job-file/9',
    'job file: schema: "speediso.job-file/9" is not known here; write speediso.job-file/1, or leave it out',
  ],
  ['tasks: [[wipe]]', 'job file: tasks: is a list of something other than plain values'],
  ['a: {b: {c: {d: {e: f}}}}', 'job file: a.b.c.d: is nested too deeply'],
  ['confirm: &x a\nafter: *x', 'job file: after: is an alias; write the value itself'],
  ['', 'job file: http://h/job: holds no names and values; write one such as: tasks: inventory'],
  ['- wipe', 'job file: http://h/job: holds no names and values; write one such as: tasks: inventory'],
  [
    '<html><body>Log in',
    'job file: http://h/job: is a web page and no job file; does the URL lead to a log-in or an error page?',
  ],
] as const) {
  test(`problem of ${JSON.stringify(file.slice(0, 30))}`, () => {
    const { problems, job } = resolve(file)
    const lines = problems.map(problemLine)
    assert.ok(lines.includes(line), lines.join('\n'))
    assert.equal(job.tasks, [], 'with a problem nothing runs')
  })
}

test('a name that stands twice, and text that is no YAML, say where', () => {
  assert.match(problems('after: stay\nafter: reboot')[0] ?? '', 'is neither YAML nor JSON, line 2')
  assert.match(problems('{"tasks": ')[0] ?? '', 'is neither YAML nor JSON, line 1')
})

test('secrets show nowhere: not in origins, problems, job, description', () => {
  const secrets = ['word-of-the-file', '0123456789abcdef', 'very-secret', 'mistyped-secret', 'query-secret']
  const resolved = resolve(
    `${EXAMPLE}\nlog_tokn: mistyped-secret\nforeman: "http://u:query-secret@h/"`,
    'speediso.job=http://h/?token=query-secret',
  )
  const { job, ...rest } = resolved
  const masked = maskJob(job, (_, key) => key === 'signing_key')
  const shown = JSON.stringify({
    masked,
    rest,
    lines: describeJob(masked, rest),
    p: rest.problems.map(problemLine),
  })
  for (const secret of secrets) assert.not.match(shown, secret)
  assert.match(shown, '***')
})

test('any text at all: problems or parameters, never an exception', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), fc.string({ unit: 'binary' })), (text) => {
      const { parameters, problems } = read(text)
      assert.ok(Array.isArray(parameters) && Array.isArray(problems))
      resolve(text)
    }),
    { numRuns: 500 },
  )
})

test('values reach the job to the letter', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[\w.~-]{8,64}$/), (token) => {
      assert.is(resolve(JSON.stringify({ log: { token } })).job.log.token, token)
      assert.is(resolve(`log: { token: ${token} }`).job.log.token, token)
    }),
  )
})

test.run()
