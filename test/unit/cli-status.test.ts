import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openEventLog } from '../../src/runtime/event-log.ts'
import type { EventBody } from '../../src/runtime/events.ts'
import { systemClock } from '../../src/system/clock.ts'
import { beginFakeBoot } from './helpers/begin-boot.ts'
import { speediso } from './helpers/program.ts'
import { type Act, doubt, fail, pass } from './helpers/tasks.ts'
import { temporaryDir } from './helpers/temporary.ts'

const UNTIL_KILLED = join(import.meta.dirname, 'helpers/boot-until-killed.ts')

const base = temporaryDir()
const newDir = () => mkdtempSync(join(base, 'run-'))

async function status(dir: string, ...args: string[]): Promise<{ code: number | null; stdout: string }> {
  const { code, stdout, stderr } = await speediso(['status', '--run-dir', dir, ...args])
  assert.is(stderr, '')
  return { code, stdout }
}

test('while the job runs, and after speediso was killed in the middle of it', async () => {
  const dir = newDir()
  const child = spawn(process.execPath, ['--no-warnings', UNTIL_KILLED, dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    await once(child.stdout, 'data')
    const running = await status(dir)
    assert.is(running.code, 3)
    assert.match(
      running.stdout,
      new RegExp(`^job: RUNNING: fake, next; started .* \\(process ${child.pid}\\)$`, 'm'),
    )
    assert.match(running.stdout, /^ {2}fake: running, 1 of 2 steps ended$/m)
    assert.match(running.stdout, /^ {4}running: do x-2$/m)
    assert.match(running.stdout, /^ {2}next: not started$/m)
    assert.match(running.stdout, /^last event: number \d+, (just now|\d\S* ago)$/m)
    const document = JSON.parse((await status(dir, '--json')).stdout)
    assert.is(document.state, 'running')
    assert.equal(document.process, { pid: child.pid, alive: true })
  } finally {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  const died = await status(dir)
  assert.is(died.code, 3)
  assert.match(
    died.stdout,
    /^job: UNKNOWN: speediso was ended in the middle of the job \(process \d+\); nothing is running$/m,
  )
  assert.match(died.stdout, /^ {4}was running: do x-2$/m)
  const document = JSON.parse((await status(dir, '--json')).stdout)
  assert.is(document.state, 'died')
  assert.is(document.verdict, null)
  assert.is(document.process.alive, false)
})

const endings: [act: Act, code: number, line: RegExp][] = [
  [pass, 0, /^job: PASSED, ended (just now|\d\S* ago); then stay$/m],
  [fail, 1, /^job: FAILED, ended .*; then stay\n {2}fake: FAILED in \S+ \(do x-1: it broke\)$/m],
  [doubt, 3, /^job: UNKNOWN, ended .*\n {2}fake: UNKNOWN in \S+ \(do x-1: nothing to see; .*\)$/m],
]
for (const [act, code, line] of endings) {
  test(`after the end the verdict is the exit code: ${code}`, async () => {
    const dir = newDir()
    const boot = await beginFakeBoot(dir, act)
    await boot.run()
    const ended = await status(dir)
    assert.is(ended.code, code, ended.stdout)
    assert.match(ended.stdout, line)
    assert.match(ended.stdout, `report: ${join(dir, 'report.json')}`)
  })
}

test('a job that asked for nothing ended with 0', async () => {
  const dir = newDir()
  await (await beginFakeBoot(dir, pass, '')).run()
  const { code, stdout } = await status(dir)
  assert.is(code, 0)
  assert.match(stdout, /^job: nothing was asked, ended/m)
})

/** A folder in which this very process seems to do a job, of which these are the events. */
function folderWith(events: EventBody[]): string {
  const dir = newDir()
  const started = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ')[19]
  writeFileSync(join(dir, 'lock'), `${process.pid} ${started}`)
  const log = openEventLog(join(dir, 'events.ndjson'), 'host-1', systemClock)
  for (const event of events) log.append(event)
  log.close()
  return dir
}

const START: EventBody[] = [
  { kind: 'job.start', tasks: ['wipe'], command_line: 'SPEEDISO=wipe' },
  { kind: 'task.start', task: 'wipe', steps: 2, timeout: 1000 },
  { kind: 'step.start', task: 'wipe', step: 'a', title: 'Wipe', target: { path: '/dev/sdb', serial: 'S-1' } },
]

test('a running step shows its device, how far it is, how fast and how long yet', async () => {
  const progress = { done: 250e9, total: 1e12, unit: 'bytes', rate: 2e8, eta: 3750 }
  const dir = folderWith([...START, { kind: 'step.progress', task: 'wipe', step: 'a', ...progress }])
  const { stdout } = await status(dir)
  assert.match(
    stdout,
    '    running: Wipe on /dev/sdb (serial S-1): 25.0 %, 250 GB of 1 TB, 200 MB/s, 1h2m30s left',
  )
})

test('before the job has begun it says so', async () => {
  const dir = folderWith([{ kind: 'log', level: 'error', message: 'the job file cannot be had: HTTP 500' }])
  const { code, stdout } = await status(dir)
  assert.is(code, 3)
  assert.match(stdout, /^job: has not begun yet/m)
  assert.match(stdout, /^error: the job file cannot be had: HTTP 500$/m)
})

test('a lock that a process of the same number has not taken is of no living one', async () => {
  const dir = folderWith(START)
  writeFileSync(join(dir, 'lock'), `${process.pid} 1`)
  assert.match((await status(dir)).stdout, /^job: UNKNOWN: speediso was ended in the middle of the job/m)
})

test('the address of a log with TLS carries the fingerprint, so that it can be followed as it stands', async () => {
  const dir = folderWith(START)
  const live = { url: 'https://127.0.0.1:7373/', token: 'secret-token', fingerprint: 'AA:BB' }
  writeFileSync(join(dir, 'live.json'), JSON.stringify(live))
  assert.match((await status(dir)).stdout, 'https://127.0.0.1:7373/#token=secret-token&fingerprint=AA:BB')
})

test('where the report goes, what has come of it, and how to follow the log', async () => {
  const dir = folderWith(START)
  writeFileSync(
    join(dir, 'live.json'),
    JSON.stringify({ url: 'http://127.0.0.1:7373/', token: 'secret-token' }),
  )
  const delivery = {
    schema: 'speediso.delivery/1',
    time: new Date(0).toISOString(),
    report: {
      url: 'https://collector/report',
      state: 'trying',
      attempts: 3,
      last_error: 'HTTP 500',
      spool: { dir: '/run/speediso/spool', survives: false, holds_report: true },
      earlier: 0,
      notices: { accepted: 0, waiting: 0, dropped: 0 },
      heartbeats: { accepted: 0, missed: 0, last_error: null },
      bundle: 'none',
    },
    foreman: null,
    held: 'reboot',
  }
  writeFileSync(join(dir, 'delivery.json'), JSON.stringify(delivery))
  const { stdout } = await status(dir)
  assert.match(stdout, /^report to https:\/\/collector\/report: trying \(HTTP 500\)$/m)
  assert.match(stdout, /^reboot waits for that$/m)
  assert.match(stdout, /^live log: http:\/\/127\.0\.0\.1:7373\/#token=secret-token$/m)
  const json = (await status(dir, '--json')).stdout
  assert.is(JSON.parse(json).delivery.report.state, 'trying')
  assert.not.match(json, 'secret-token')
})

test('damaged files: what can be read is shown, what cannot is named', async () => {
  const dir = folderWith(START)
  appendFileSync(join(dir, 'events.ndjson'), '{"seq":4,"time":"2026\n{"seq":5,"ti')
  writeFileSync(join(dir, 'delivery.json'), '{"schema":')
  const { code, stdout } = await status(dir)
  assert.is(code, 3)
  assert.match(stdout, /^job: RUNNING/m)
  assert.match(stdout, /^\S+delivery\.json: is no delivery state: it is not JSON, or was cut off$/m)
})

test.run()
