import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CommandError } from '../../src/errors.ts'
import { findChecks } from '../../src/root/health/checks.ts'
import {
  type HealthDeps,
  type HealthOptions,
  type HealthRound,
  runHealth,
} from '../../src/root/health/run.ts'
import { bootCompleteCheck, readFailedUnits } from '../../src/root/health/system.ts'
import { systemClock } from '../../src/system/clock.ts'
import { createExec, type Exec } from '../../src/system/exec.ts'
import { temporaryDir } from './helpers/temporary.ts'

const dir = temporaryDir()
const exec = createExec()
let count = 0

/** A folder of shell scripts. */
function folder(scripts: Record<string, string> = {}): string {
  count += 1
  const path = join(dir, `health-${count}`)
  mkdirSync(path)
  for (const [name, script] of Object.entries(scripts)) {
    writeFileSync(join(path, name), `#!/bin/sh\n${script}\n`)
    chmodSync(join(path, name), 0o755)
  }
  return path
}

const sleep = (milliseconds: number, signal: AbortSignal) =>
  setTimeout(milliseconds, undefined, { signal }).catch(() => {})

function health(path: string, options: Partial<HealthOptions> = {}, more: Partial<HealthDeps> = {}) {
  const pause = { first: 5, longest: 20 }
  return runHealth(
    { folder: path, limit: 10_000, deadline: 20_000, pause, ...options },
    { exec, clock: systemClock, signal: new AbortController().signal, sleep, ...more },
  )
}

test('no folder and an empty one pass, and say that no check was there', async () => {
  for (const path of [join(dir, 'nowhere'), folder()]) {
    const result = await health(path)
    assert.is(result.verdict, 'passed')
    assert.is(result.reason, 'no health check is there')
    assert.is(result.rounds, 1)
  }
})

test('checks run in the order of their names; the last line of the output is the reason', async () => {
  const log = join(dir, 'order')
  const path = folder({
    '20-b': `echo b >> ${log}; echo first; echo storage is joined`,
    '10-a': `echo a >> ${log}; echo to stderr >&2`,
    '30-c': `echo c >> ${log}`,
  })
  const result = await health(path)
  assert.is(result.verdict, 'passed')
  assert.is(readFileSync(log, 'utf8'), 'a\nb\nc\n')
  assert.equal(
    result.checks.map(({ name, verdict, reason, runs }) => [name, verdict, reason, runs]),
    [
      ['10-a', 'passed', 'to stderr', 1],
      ['20-b', 'passed', 'storage is joined', 1],
      ['30-c', 'passed', 'said nothing', 1],
    ],
  )
  assert.is(result.checks[1]?.output, 'first\nstorage is joined')
  assert.is(result.reason, 'all 3 checks passed')
})

test('what is hidden, a backup, not executable or no file is not run, and named', async () => {
  const path = folder({ a: 'true', '.hidden': 'false', 'b~': 'false', 'c.dpkg-old': 'false', plain: 'false' })
  chmodSync(join(path, 'plain'), 0o644)
  mkdirSync(join(path, 'folder'))
  const result = await health(path)
  assert.is(result.verdict, 'passed')
  assert.equal(
    result.checks.map(({ name }) => name),
    ['a'],
  )
  assert.equal(
    result.skipped.map(({ name, why }) => `${name} ${why}`),
    [
      '.hidden is hidden',
      'b~ is a backup',
      'c.dpkg-old is a backup',
      'folder is no file',
      'plain is not executable',
    ],
  )
  assert.match(result.reason, /^all 1 checks passed \(not run: .*plain is not executable/)
})

test('a check that fails twice and then passes passes, and so do the others in that same round', async () => {
  const at = join(dir, 'twice')
  const path = folder({
    flaky: `echo x >> ${at}; n=$(wc -l < ${at}); echo "try $n"; [ "$n" -ge 3 ]`,
    steady: 'echo fine',
  })
  const rounds: HealthRound[] = []
  const result = await health(path, {}, { onRound: (round) => rounds.push(round) })
  assert.is(result.verdict, 'passed')
  assert.is(result.rounds, 3)
  assert.equal(
    rounds.map(({ verdict }) => verdict),
    ['failed', 'failed', 'passed'],
  )
  assert.is(rounds[0]?.reason, 'flaky: try 1')
  assert.equal(
    result.checks.map(({ name, reason, runs }) => [name, reason, runs]),
    [
      ['flaky', 'try 3', 3],
      ['steady', 'fine', 3],
    ],
  )
})

test('asked once, a check that fails is not asked again', async () => {
  const at = join(dir, 'once')
  const path = folder({ flaky: `echo x >> ${at}; [ "$(wc -l < ${at})" -ge 2 ]` })
  const result = await health(path, { once: true })
  assert.equal([result.verdict, result.rounds], ['failed', 1])
  assert.is((await health(path, { once: true })).verdict, 'passed')
})

test('checks that pass in turns, but never together, do not pass', async () => {
  const at = join(dir, 'turns')
  const path = folder({
    a: `echo x >> ${at}; [ $(( $(wc -l < ${at}) % 2 )) -eq 0 ]`,
    b: `[ $(( $(wc -l < ${at}) % 2 )) -eq 1 ]`,
  })
  const result = await health(path, { deadline: 400 })
  assert.is(result.verdict, 'failed')
  assert.ok(result.rounds > 2)
})

test('a check that always fails fails at the deadline, with its reason and exit code', async () => {
  const path = folder({ a: 'echo no peers; exit 3', b: 'exit 4' })
  const result = await health(path, { deadline: 200 })
  assert.is(result.verdict, 'failed')
  assert.ok(result.rounds > 1)
  assert.is(result.reason, 'a: no peers; b: ended with exit code 4')
})

test('a hanging check is ended at its limit, with what it has started, and fails', async () => {
  const child = join(dir, 'child')
  const path = folder({ hangs: `sleep 600 & echo $! > ${child}; echo waiting; sleep 600` })
  const result = await health(path, { limit: 300, deadline: 250 })
  assert.is(result.verdict, 'failed')
  assert.match(result.reason, /^hangs: did not end within 0\.\d+ s$/)
  assert.is(result.checks[0]?.output, 'waiting')
  // Gone, or dead and not yet waited for (proc_pid_stat(5)).
  const stat = `/proc/${readFileSync(child, 'utf8').trim()}/stat`
  assert.ok(!existsSync(stat) || / Z /.test(readFileSync(stat, 'utf8')))
})

test('the limit of a check is no longer than what is left until the deadline', async () => {
  const limits: (number | undefined)[] = []
  let time = 0
  const clock = { now: () => 0, monotonic: () => time }
  const fake: Exec = async (_file, _args, options) => {
    limits.push(options?.timeout)
    time += 4000
    throw new CommandError('ended with exit code 1', { facts: { exitCode: 1, stdout: '', stderr: '' } })
  }
  const naps: number[] = []
  const nap = async (milliseconds: number) => {
    naps.push(milliseconds)
    time += milliseconds
  }
  const pause = { first: 1000, longest: 3000 }
  const result = await health(
    folder({ a: '' }),
    { limit: 30_000, deadline: 20_000, pause },
    { exec: fake, clock, sleep: nap },
  )
  assert.is(result.verdict, 'failed')
  assert.equal(limits, [20_000, 15_000, 9000, 2000])
  assert.equal(naps, [1000, 2000, 3000])
  assert.is(result.seconds, 22)
})

test('a check that cannot be run fails: no interpreter, no format, a link that leads nowhere', async () => {
  const path = folder()
  writeFileSync(join(path, 'a'), '#!/nowhere/sh\n', { mode: 0o755 })
  writeFileSync(join(path, 'b'), '\x7fELFnonsense', { mode: 0o755 })
  symlinkSync('/nowhere/check', join(path, 'c'))
  const result = await health(path, { deadline: 1 })
  assert.is(result.verdict, 'failed')
  assert.equal(
    result.checks.map(({ name, verdict }) => `${name} ${verdict}`),
    ['a failed', 'b failed', 'c failed'],
  )
  assert.match(result.checks[0]?.reason ?? '', /missing/)
})

test('a folder that cannot be read is no proof that nothing has to be checked', async () => {
  const path = join(dir, 'file')
  writeFileSync(path, '')
  const result = await health(path, { deadline: 1 })
  assert.is(result.verdict, 'unknown')
  assert.match(result.reason, /cannot be read/)
  const links = join(dir, 'circle')
  symlinkSync('circle', links)
  assert.is((await health(links, { deadline: 1 })).verdict, 'unknown')
})

test('when it is cancelled the verdict is open', async () => {
  const controller = new AbortController()
  const running = health(folder({ a: 'sleep 600' }), {}, { signal: controller.signal })
  await sleep(100, controller.signal)
  controller.abort()
  const result = await running
  assert.is(result.verdict, 'unknown')
  assert.is(result.checks[0]?.verdict, 'unknown')
})

test('names are ordered by code units', async () => {
  const { checks } = await findChecks(folder({ b: '', B: '', a: '', '10': '', '9': '' }))
  assert.equal(
    checks.map(({ name }) => name),
    ['10', '9', 'B', 'a', 'b'],
  )
})

/** A systemctl that answers is-active with this. */
const systemctl =
  (answer: string, exitCode: number): Exec =>
  async (_file, args) => {
    if (args[0] === 'start' && answer === 'inactive')
      throw new CommandError('systemctl ended with exit code 1: a dependency job failed', {
        facts: { exitCode: 1 },
      })
    return { stdout: args[0] === 'is-active' ? `${answer}\n` : '', stderr: '', exitCode }
  }

test('boot-complete.target counts as a check of its own', async () => {
  const signal = new AbortController().signal
  const own = (fake: Exec) => ({ own: [bootCompleteCheck({ exec: fake, clock: systemClock, signal })] })
  const good = await health(folder(), {}, own(systemctl('active', 0)))
  assert.is(good.verdict, 'passed')
  assert.is(good.reason, 'no health check is there')
  const bad = await health(folder({ a: 'true' }), { deadline: 1 }, own(systemctl('inactive', 3)))
  assert.is(bad.verdict, 'failed')
  assert.match(bad.reason, /^boot-complete\.target: .*dependency job failed/)
  const odd = await health(folder(), { deadline: 1 }, own(systemctl('activating', 3)))
  assert.is(odd.reason, 'boot-complete.target: is activating')
})

test('failed units are read, and not being able to tell is not the same as none', async () => {
  const signal = new AbortController().signal
  const answer =
    (stdout: string): Exec =>
    async () => ({ stdout, stderr: '', exitCode: 0 })
  assert.equal(await readFailedUnits(answer('[{"unit":"a.service","load":"loaded"}]'), signal), ['a.service'])
  assert.equal(await readFailedUnits(answer('[]'), signal), [])
  assert.is(await readFailedUnits(answer('not JSON'), signal), undefined)
})

test.run()
