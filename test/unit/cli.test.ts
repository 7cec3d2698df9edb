import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eventSchema } from '../../src/runtime/events.ts'
import { reportSchema } from '../../src/runtime/report.ts'
import { speediso } from './helpers/program.ts'
import { temporaryDir } from './helpers/temporary.ts'

/** Bad input: one line that names what is wrong and what would be right, exit 2, nothing on stdout. */
const bad: [args: string[], line: RegExp][] = [
  [[], /^speediso: no command; speediso --help lists them$/],
  [['inventry'], /^speediso: "inventry" is no command; did you mean inventory\?$/],
  [['frobnicate'], /^speediso: "frobnicate" is no command; commands are boot, job, /],
  [['job', '--jsn'], /^speediso: jsn is no option of this command; did you mean --json\?$/],
  [
    ['job', '--cmdline', 'SPEEDISO=inventroy'],
    /^speediso: SPEEDISO: "inventroy" is no task of this image; did you mean inventory\?$/,
  ],
  [
    ['job', '--cmdline', 'speediso.after=now'],
    /^speediso: speediso\.after: "now" is none of stay, reboot, poweroff, kexec/,
  ],
  [['inventory', '--timeout', '5'], /^speediso: --timeout: "5" has no unit; write 5s, 5m or 5h$/],
  [['log', 'http://host/'], /^speediso: http:\/\/host\/: is no address of a live log; write ws:\/\//],
  [['log', 'ws://host/', '--since', 'x'], /^speediso: --since x: is no event number/],
  [['report', '--format', 'pdf'], /^speediso: Invalid values:/],
  [['report', '--run-dir', '/nonexistent'], /^speediso: \/nonexistent\/report\.json: there is no report; /],
]
for (const [args, line] of bad) {
  test(`bad input: speediso ${args.join(' ')}`, async () => {
    const { code, stdout, stderr } = await speediso(args)
    assert.is(code, 2)
    assert.is(stdout, '')
    assert.is(stderr.trimEnd().split('\n').length, 1, stderr)
    assert.match(stderr.trimEnd(), line)
  })
}

test('--version and --help', async () => {
  const version = await speediso(['--version'])
  assert.is(version.code, 0)
  assert.match(version.stdout, /^speediso \d+\.\d+\.\d+ \(.+\)\n$/)
  const { code, stdout } = await speediso(['--help'])
  assert.is(code, 0)
  for (const command of ['boot', 'job', 'log', 'report', 'inventory'])
    assert.match(stdout, `speediso ${command}`)
})

for (const command of ['boot', 'job', 'log', 'report', 'inventory']) {
  test(`help of ${command} has an example`, async () => {
    const { code, stdout } = await speediso([command, '--help'])
    assert.is(code, 0)
    assert.match(stdout, /Examples:\n\s+speediso /)
  })
}

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

test('a job that had started is not run again', async () => {
  const dir = temporaryDir()
  const args = ['boot', '--run-dir', dir, '--cmdline', 'SPEEDISO=inventory speediso.log=off']
  const first = await speediso(args)
  const before = readFileSync(join(dir, 'report.json'), 'utf8')
  const second = await speediso(args)
  assert.is(second.code, first.code)
  assert.is(readFileSync(join(dir, 'report.json'), 'utf8'), before)
  assert.match(second.stdout, 'the job had ended before')
})

test.run()
