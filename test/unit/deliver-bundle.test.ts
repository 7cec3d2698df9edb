import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CommandError, ToolMissingError } from '../../src/errors.ts'
import { maskJob } from '../../src/job/explain.ts'
import { makeBundle } from '../../src/runtime/deliver/bundle.ts'
import { createExec, type Exec } from '../../src/system/exec.ts'
import { FAST, jobOf, reportOf, startDelivery, startReceiver, until } from './helpers/deliver.ts'
import { temporaryDir } from './helpers/temporary.ts'

const base = temporaryDir()
const folder = () => mkdtempSync(join(base, 'x-'))

/** Every file of a bundle, by name. */
function unpack(bytes: Uint8Array): Record<string, string> {
  const dir = folder()
  writeFileSync(join(dir, 'b.tar.gz'), bytes)
  execFileSync('tar', ['-xzf', 'b.tar.gz'], { cwd: dir })
  const top = join(dir, 'speediso-bundle')
  return Object.fromEntries(readdirSync(top).map((name) => [name, readFileSync(join(top, name), 'utf8')]))
}

const FILES = [
  'cmdline.txt',
  'dmesg.txt',
  'events.ndjson',
  'ip-address.json',
  'ip-route.json',
  'journal.txt',
  'lsblk.json',
  'notes.txt',
  'report.json',
]

/** The machine's own tools, but journal and kernel log are these. */
const withLogs =
  (journal: string, dmesg: string): Exec =>
  (file, args, options) => {
    const canned = { journalctl: journal, dmesg }[file]
    if (canned === undefined) return createExec()(file, args, options)
    return Promise.resolve({ stdout: canned, stderr: '', exitCode: 0 })
  }

const SECRETS = {
  bearer: 'bearer-token-1',
  hmac: 'key "with" quotes \\ and more',
  foreman: 'foreman-token-1',
  log: 'log-token-1',
  password: 'pass%40word1',
  natsPassword: 'nats-password',
  random: 'random-live-token',
  overridden: 'first-token-that-was-overridden',
  mistyped: 'hunter2 "quoted"',
}

test('a job that failed: the bundle follows the report, holds what is needed, and no secret', async () => {
  const dir = folder()
  const line = (masked: boolean) => {
    const word = (secret: string) => (masked ? '***' : secret)
    return [
      `quiet speediso.report.token=${word(SECRETS.overridden)}`,
      `speediso.report.token=${word(SECRETS.bearer)} speediso.foreman.token=${word(SECRETS.foreman)}`,
    ].join(' ')
  }
  await using server = await startReceiver()
  const job = {
    ...jobOf(`SPEEDISO= speediso.report=${server.url.replace('//', `//user:${SECRETS.password}@`)}`),
    nats: `nats://u:${SECRETS.natsPassword}@h:4222`,
  }
  job.report = { ...job.report, token: SECRETS.bearer, hmac_key: SECRETS.hmac }
  job.log = { ...job.log, token: SECRETS.log }
  job.foreman = { url: null, token: SECRETS.foreman }
  const basic = Buffer.from(`user:${decodeURIComponent(SECRETS.password)}`).toString('base64')
  const every = [...Object.values(SECRETS), basic].join(' | ')
  await using bench = await startDelivery('', {
    dir,
    job,
    exec: withLogs(`kernel: ${line(false)}\nsays ${every}\nhttp://someone:else@h/\n`, every),
    secrets: [SECRETS.random, SECRETS.overridden, SECRETS.mistyped],
  })
  bench.events.append({ kind: 'log', level: 'info', message: every })
  const report = reportOf({
    verdict: 'failed',
    reason: every,
    command_line: line(true),
    job: maskJob(job, () => false),
  })
  assert.is(await bench.delivery.deliver(report), 'accepted')
  assert.is(await bench.delivery.beforeAfter('poweroff'), true)
  assert.equal(server.took, ['report', 'bundle', 'about-to-power-off'])
  const bundle = server.got[1]
  assert.ok(bundle)
  assert.is(bundle.headers['content-type'], 'application/gzip')
  assert.is(bundle.headers['speediso-id'], 'boot-1.bundle.1')
  assert.ok(bundle.headers['speediso-signature'])
  const files = unpack(bundle.body)
  assert.equal(Object.keys(files), FILES)
  for (const [name, content] of Object.entries(files)) {
    for (const secret of Object.values(SECRETS)) {
      for (const form of [secret, JSON.stringify(secret).slice(1, -1), decodeURIComponent(secret), basic]) {
        assert.not.ok(content.includes(form), `${name} holds ${form}`)
      }
    }
  }
  assert.match(files['journal.txt'] ?? '', 'says ***')
  assert.match(files['journal.txt'] ?? '', 'http://***@h/')
  assert.is(files['cmdline.txt'], `${line(true)}\n`)
  for (const [at, text] of Object.entries(files)) if (at.endsWith('.json')) JSON.parse(text)
  for (const event of (files['events.ndjson'] ?? '').trim().split('\n')) JSON.parse(event)
  assert.is(files['notes.txt'], '', 'every tool of this machine had something to say')
  const own = join(dir, 'bundle.tar.gz')
  assert.equal(readFileSync(own), bundle.body)
  assert.is(statSync(own).mode & 0o777, 0o600)
  assert.equal(
    readdirSync(dir).filter((name) => name.startsWith('bundle')),
    ['bundle.tar.gz'],
    'nothing else is left',
  )
})

test('negative control: without what is known of secrets they would be in it', async () => {
  const dir = folder()
  writeFileSync(join(dir, 'events.ndjson'), `{"seq":1,"message":"${SECRETS.bearer}"}\n`)
  const paths = { dir, events: join(dir, 'events.ndjson') }
  const signal = new AbortController().signal
  const exec = withLogs(SECRETS.random, '')
  const bytes = await makeBundle(reportOf(), { exec, paths, signal, secrets: [] })
  const files = unpack(bytes)
  assert.match(files['events.ndjson'] ?? '', SECRETS.bearer)
  assert.match(files['journal.txt'] ?? '', SECRETS.random)
})

test('tools that are missing, fail or hang become notes', async () => {
  const dir = folder()
  const paths = { dir, events: join(dir, 'not-there.ndjson') }
  const exec: Exec = (file, args, options) => {
    if (file === 'tar') return createExec()(file, args, options)
    if (file === 'dmesg')
      return Promise.reject(new CommandError('dmesg ended with exit code 1: not permitted'))
    return Promise.reject(new ToolMissingError(`${file}: not installed`))
  }
  const signal = new AbortController().signal
  const files = unpack(await makeBundle(reportOf(), { exec, paths, signal, secrets: [] }))
  assert.equal(Object.keys(files), ['cmdline.txt', 'notes.txt', 'report.json'])
  assert.match(files['notes.txt'] ?? '', 'journal.txt: journalctl is not installed\n')
  assert.match(files['notes.txt'] ?? '', 'dmesg.txt: dmesg ended with exit code 1: not permitted\n')
  assert.match(files['notes.txt'] ?? '', 'events.ndjson: ENOENT')
})

test('what is large is cut at a line, from its end', async () => {
  const dir = folder()
  const event = (seq: number) => `{"seq":${seq},"pad":"${'x'.repeat(1000)}"}\n`
  const paths = { dir, events: join(dir, 'events.ndjson') }
  writeFileSync(paths.events, Array.from({ length: 20_000 }, (_, i) => event(i + 1)).join(''))
  const journal = Array.from({ length: 200_000 }, (_, i) => `line ${i} ${'y'.repeat(50)}\n`).join('')
  const signal = new AbortController().signal
  const exec = withLogs(journal, '')
  const files = unpack(await makeBundle(reportOf(), { exec, paths, signal, secrets: [] }))
  const lines = (files['events.ndjson'] ?? '').trim().split('\n')
  assert.is(JSON.parse(lines.at(-1) ?? '').seq, 20_000)
  assert.ok(JSON.parse(lines[0] ?? '').seq > 1)
  assert.ok((files['journal.txt'] ?? '').length <= 8 * 2 ** 20)
  assert.match(files['journal.txt'] ?? '', /^line \d+ y+\n/)
  assert.match(files['journal.txt'] ?? '', /line 199999 y+\n$/)
  assert.match(files['notes.txt'] ?? '', 'journal.txt: only its end')
})

test('no tar, or a server that does not take it: said, and nothing else changes', async () => {
  await using server = await startReceiver(({ headers }) =>
    headers['speediso-kind'] === 'bundle' ? 413 : 200,
  )
  const noTar: Exec = (file) => Promise.reject(new ToolMissingError(`${file}: not installed`))
  await using without = await startDelivery(`speediso.report=${server.url}`, { exec: noTar })
  assert.is(await without.delivery.deliver(reportOf({ verdict: 'unknown' })), 'accepted')
  assert.is(await without.delivery.beforeAfter('reboot'), true)
  assert.match((await without.said()).join('\n'), 'there is no failure bundle: tar: not installed')

  await using refused = await startDelivery(`speediso.report=${server.url}`, { exec: withLogs('', '') })
  assert.is(await refused.delivery.deliver(reportOf({ verdict: 'unknown' })), 'accepted')
  await until(() => refused.delivery.state().report?.bundle === 'not-accepted')
  assert.match(
    (await refused.said()).join('\n'),
    /the failure bundle is not accepted; it is at \S+bundle.tar.gz/,
  )
  assert.is(await refused.delivery.beforeAfter('reboot'), true)
  assert.equal(server.took, ['report', 'about-to-reboot', 'report', 'about-to-reboot'])
})

test('a server that takes the bundle and never answers holds the reboot no longer than its limit', async () => {
  await using server = await startReceiver(({ headers }) =>
    headers['speediso-kind'] === 'bundle' ? () => {} : 200,
  )
  const pace = { bundle: 100, answer: { ...FAST.answer, bundle: 600_000 } }
  await using bench = await startDelivery(`speediso.report=${server.url}`, { exec: withLogs('', ''), pace })
  await bench.delivery.deliver(reportOf({ verdict: 'failed' }))
  assert.is(await bench.delivery.beforeAfter('reboot'), true)
  assert.equal(server.took, ['report', 'about-to-reboot'])
})

test('who ends after the job waits for the bundle: it is sent, and not cut off', async () => {
  await using server = await startReceiver()
  {
    await using bench = await startDelivery(`speediso.report=${server.url}`, { exec: withLogs('', '') })
    await bench.delivery.deliver(reportOf({ verdict: 'failed' }))
    await bench.delivery.sent()
    assert.is(bench.delivery.state().report?.bundle, 'accepted')
  }
  assert.equal(server.took, ['report', 'bundle'])
})

test('a job that passed, and one that was asked nothing: no bundle', async () => {
  await using server = await startReceiver()
  for (const verdict of ['passed', null] as const) {
    const exec = () => Promise.reject(new Error('no program'))
    await using bench = await startDelivery(`speediso.report=${server.url}`, { exec })
    await bench.delivery.deliver(reportOf({ verdict }))
    await bench.delivery.beforeAfter('reboot')
  }
  assert.equal(server.took, ['report', 'about-to-reboot', 'report', 'about-to-reboot'])
})

test.run()
