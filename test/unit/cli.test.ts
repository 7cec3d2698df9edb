import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventSchema } from '../../src/runtime/events.ts'
import { reportSchema } from '../../src/runtime/report.ts'
import { speediso } from './helpers/program.ts'
import { temporaryDir } from './helpers/temporary.ts'

test('job --json: one document and nothing else', async () => {
  const { code, stdout, stderr } = await speediso([
    'job',
    '--json',
    '--cmdline',
    'SPEEDISO=inventory speediso.after=reboot',
  ])
  assert.is(code, 0)
  assert.is(stderr, '')
  const { job, origins } = JSON.parse(stdout)
  assert.is(job.after, 'reboot')
  assert.is(origins.after.word, 'speediso.after=reboot')
})

test('job --json of a bad command line: the problems as JSON, and exit 2', async () => {
  const { code, stdout } = await speediso(['job', '--json', '--cmdline', 'speediso.x=1'])
  assert.is(code, 2)
  assert.is(JSON.parse(stdout).problems[0].parameter, 'speediso.x')
})

test('inventory --plan --json prints a plan and changes nothing', async () => {
  const { code, stdout } = await speediso(['inventory', '--plan', '--json'])
  assert.is(code, 0)
  const plan = JSON.parse(stdout)
  assert.is(plan.task, 'inventory')
  assert.ok(plan.steps.length > 3)
})

test('inventory --json: one report, whose verdict is the exit code', async () => {
  const { code, stdout, stderr } = await speediso(['inventory', '--json'])
  const report = reportSchema.parse(JSON.parse(stdout))
  assert.is(stderr, '')
  assert.is(code, { passed: 0, failed: 1, unknown: 3 }[report.verdict ?? 'passed'])
})

test('a trial boot: events, report and exit code, and no reboot', async () => {
  const dir = temporaryDir()
  const args = [
    'boot',
    '--run-dir',
    dir,
    '--cmdline',
    'SPEEDISO=inventory speediso.after=reboot speediso.after_failure=reboot speediso.log=127.0.0.1:17373',
  ]
  const { code, stdout } = await speediso(args)
  const report = reportSchema.parse(JSON.parse(readFileSync(join(dir, 'report.json'), 'utf8')))
  assert.is(code, { passed: 0, failed: 1, unknown: 3 }[report.verdict ?? 'passed'])
  assert.match(stdout, 'a real boot would now reboot')
  const lines = readFileSync(join(dir, 'events.ndjson'), 'utf8').trimEnd().split('\n')
  const events = lines.map((line) => eventSchema.parse(JSON.parse(line)))
  assert.equal(
    events.map((event) => event.seq),
    events.map((_, i) => i + 1),
  )
  assert.ok(existsSync(join(dir, 'started')))
})

test('a trial boot with a malformed option runs nothing and fails', async () => {
  const dir = temporaryDir()
  const { code, stdout } = await speediso([
    'boot',
    '--run-dir',
    dir,
    '--cmdline',
    'SPEEDISO=inventory speediso.timeout=x speediso.log=off',
  ])
  assert.is(code, 1)
  assert.match(stdout, 'NOTHING WAS RUN')
  const report = reportSchema.parse(JSON.parse(readFileSync(join(dir, 'report.json'), 'utf8')))
  assert.is(report.verdict, 'failed')
  assert.equal(report.tasks, [])
  assert.is(report.problems[0]?.parameter, 'speediso.timeout')
})

test('a trial in the folder of an earlier job is refused, and that job stands as it was', async () => {
  const dir = temporaryDir()
  const args = ['boot', '--run-dir', dir, '--cmdline', 'SPEEDISO=inventory speediso.log=off']
  await speediso(args)
  const before = readFileSync(join(dir, 'report.json'), 'utf8')
  const second = await speediso(args)
  assert.is(second.code, 2)
  assert.match(second.stderr, 'holds an earlier job')
  assert.is(readFileSync(join(dir, 'report.json'), 'utf8'), before)
})

test('two at once in one folder: the second is refused, and disturbs nothing', async () => {
  const dir = temporaryDir()
  const args = ['boot', '--run-dir', dir, '--cmdline', 'SPEEDISO=inventory speediso.log=off']
  const ended = await Promise.all([speediso(args), speediso(args)])
  assert.is(ended.filter(({ code }) => code === 2).length, 1)
  const lines = readFileSync(join(dir, 'events.ndjson'), 'utf8').trimEnd().split('\n')
  const kinds = lines.map((line) => eventSchema.parse(JSON.parse(line)).kind)
  assert.is(kinds.filter((kind) => kind === 'job.end').length, 1)
})

test('a flag that is given twice is an error: one of the two would be dropped', async () => {
  const dir = temporaryDir()
  const { code, stderr } = await speediso([
    ...['boot', '--run-dir', dir, '--cmdline', 'SPEEDISO=inventory'],
    ...['--cmdline', 'speediso.x=1 speediso.log=off'],
  ])
  assert.is(code, 2)
  assert.is(stderr, 'speediso: --cmdline stands 2 times; give it once\n')
})

test('control characters reach no terminal, and passwords in URLs nobody', async () => {
  const { stdout } = await speediso([
    ...['job', '--cmdline'],
    'speediso.confirm=\x1b[2Jx speediso.ssh.keys=http://me:hunter2@host/keys',
  ])
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what must not be there
  assert.not.match(stdout, /\x1b/)
  assert.match(stdout, '\\x1b[2Jx')
  assert.not.match(stdout, 'hunter2')
})

test('SIGTERM in the middle: the verdict and the report are still written', async () => {
  const dir = temporaryDir()
  const bin = temporaryDir()
  // A df that hangs keeps the inventory busy.
  writeFileSync(join(bin, 'df'), '#!/bin/sh\nexec sleep 1000\n', { mode: 0o755 })
  const env = { PATH: `${bin}:${process.env.PATH}` }
  const args = ['boot', '--run-dir', dir, '--cmdline', 'SPEEDISO=inventory speediso.log=off']
  const running = speediso(args, { env, until: 'Read the file systems', signal: 'SIGTERM' })
  const { code, stdout } = await running
  assert.is(code, 1)
  assert.match(stdout, 'job: FAILED')
  const report = reportSchema.parse(JSON.parse(readFileSync(join(dir, 'report.json'), 'utf8')))
  assert.is(report.tasks[0]?.reason, 'ended by SIGTERM')
})

test.run()
