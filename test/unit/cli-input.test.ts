import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { speediso } from './helpers/program.ts'
import { temporaryDir } from './helpers/temporary.ts'

/** Bad input: one line that names what is wrong and what would be right, exit 2, nothing on stdout. */
const bad: [args: string[], line: RegExp][] = [
  [[], /^speediso: no command; speediso --help lists them$/],
  [[''], /^speediso: "" is no command; commands are boot, job, /],
  [['inventry'], /^speediso: "inventry" is no command; did you mean inventory\?$/],
  [['frobnicate'], /^speediso: "frobnicate" is no command; commands are boot, job, /],
  [['constructor'], /^speediso: "constructor" is no command; commands are /],
  [['help', 'inventry'], /^speediso: "inventry" is no command; did you mean inventory\?$/],
  [['--json'], /^speediso: --json: the command comes first; write speediso COMMAND --json$/],
  [['--json', 'job'], /^speediso: --json: the command comes first; write speediso job --json$/],
  [['--cmdline', 'x', 'job'], /^speediso: --cmdline: the command comes first; write speediso job --cmdline$/],
  [['-x', 'job'], /^speediso: -x: the command comes first; write speediso job -x$/],
  [['inventory', 'foo'], /^speediso: "foo" is too much: speediso inventory takes options only; /],
  [['inventory', 'plan'], /^speediso: "plan" is too much: .*; did you mean --plan\?$/],
  [['inventory', '--', 'foo'], /^speediso: "foo" is too much: /],
  [['job', ''], /^speediso: "" is too much: /],
  [['log', 'ws://a/', 'b'], /^speediso: "b" is too much: speediso log takes one url and options; /],
  [['job', '--jsn'], /^speediso: --jsn is no option of this command; did you mean --json\?$/],
  [['job', '-j'], /^speediso: -j is no option of this command; --help lists what there is$/],
  [['job', '--frobnicate=1'], /^speediso: --frobnicate is no option of this command; /],
  [['report', '--hepl'], /^speediso: --hepl is no option of this command; did you mean --help\?$/],
  [
    ['job', '--cmdline', 'SPEEDISO=inventroy'],
    /^speediso: .*SPEEDISO: "inventroy" is no task of this image; did you mean inventory\?$/,
  ],
  [
    ['job', '--cmdline', 'speediso.after=now'],
    /^speediso: .*speediso\.after: "now" is none of stay, reboot, poweroff, kexec/,
  ],
  [['job', '--cmdline'], /^speediso: --cmdline has no value; --cmdline=VALUE: kernel command line to use/],
  [['inventory', '--timeout', '5'], /^speediso: --timeout: "5" has no unit; write 5s, 5m or 5h$/],
  [['inventory', '--timeout', '-5s'], /^speediso: --timeout: "-5s" is not a duration; write one such as 90s/],
  [['inventory', '--timeout='], /^speediso: --timeout has no value; --timeout=VALUE: end it after this time/],
  [['inventory', '--sections', ''], /^speediso: --sections has no value; --sections=VALUE: what to read/],
  [['inventory', '--sections', '--json'], /^speediso: --sections has no value; /],
  [['inventory', '--sections', 'all,disks'], /^speediso: --sections: "all" stands alone: give "all", or a /],
  [['inventory', '--sections', 'dsks'], /^speediso: --sections: "dsks" is not a section: give "all", or a /],
  [
    ['inventory', '--plan=yes'],
    /^speediso: --plan=yes: this option takes no value; leave out what follows =$/,
  ],
  [['log', 'ws://host/', '--since', 'x'], /^speediso: --since x: is no event number/],
  [['report', '--format', 'pdf'], /^speediso: --format: "pdf" is none of text, json, html$/],
  [['report', '--run-dir', '/nonexistent'], /^speediso: \/nonexistent: there is no such folder; /],
  [['status', '--run-dir', '/nonexistent'], /^speediso: \/nonexistent: there is no such folder; /],
  [['report', '--run-dir', '/proc'], /^speediso: \/proc: no job was started here; /],
  [['status', '--run-dir', '/proc'], /^speediso: \/proc: no job was started here; /],
  [
    ['boot', '--run-dir', '/dev/null', '--cmdline', ''],
    /^speediso: \/dev\/null: cannot be the folder for events and report/,
  ],
  [
    ['inventory', '--run-dir', '/proc/nothing', '--sections', 'boot'],
    /^speediso: \/proc\/nothing: cannot be the folder/,
  ],
]
for (const [args, line] of bad) {
  test(`bad input: speediso ${args.join(' ')}`, async () => {
    const { code, stdout, stderr } = await speediso(args)
    assert.is(code, 2, stderr)
    assert.is(stdout, '')
    assert.is(stderr.trimEnd().split('\n').length, 1, stderr)
    assert.match(stderr.trimEnd(), line)
  })
}

/** A file of ours that is damaged: one line, and the outcome is unknown. */
const damaged: [text: string, line: RegExp][] = [
  ['', /report\.json: is no report: it is not JSON, or was cut off$/],
  ['{"schema": "speediso.rep', /report\.json: is no report: it is not JSON, or was cut off$/],
  ['{"schema": "speediso.report/9"}', /report\.json: is no report: schema: expected "speediso\.report\/1"$/],
  ['[]', /report\.json: is no report: expected object, received array$/],
]
for (const [text, line] of damaged) {
  test(`a report that is ${JSON.stringify(text)}`, async () => {
    const dir = temporaryDir()
    writeFileSync(join(dir, 'report.json'), text)
    const { code, stdout, stderr } = await speediso(['report', '--run-dir', dir])
    assert.is(code, 3)
    assert.is(stdout, '')
    assert.is(stderr.trimEnd().split('\n').length, 1, stderr)
    assert.match(stderr.trimEnd(), line)
  })
}

test('a report that cannot be read says why, in one line', async () => {
  const dir = temporaryDir()
  mkdirSync(join(dir, 'report.json'))
  const { code, stderr } = await speediso(['report', '--run-dir', dir])
  assert.is(code, 3)
  assert.match(stderr, /^speediso: \S+report\.json: cannot be read \(EISDIR\)\n$/)
})

test('a job that has not ended has no report, and status tells more', async () => {
  const dir = temporaryDir()
  writeFileSync(join(dir, 'started'), '')
  const { code, stderr } = await speediso(['report', '--run-dir', dir])
  assert.is(code, 2)
  assert.match(
    stderr,
    /there is no report, because the job has not ended; speediso status tells where it is\n$/,
  )
})

test.run()
