import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { NOTHING, reduce } from '../../src/live/page/model/view.ts'
import { printEvents } from '../../src/runtime/console.ts'
import { motdLines } from '../../src/runtime/motd.ts'
import { runPaths } from '../../src/runtime/paths.ts'
import { readEvents } from '../../src/runtime/recover.ts'
import { beginFakeBoot } from './helpers/begin-boot.ts'
import { type Act, pass } from './helpers/tasks.ts'
import { temporaryDir } from './helpers/temporary.ts'

let runs = 0
const counted: Act = (step, ctx) => {
  runs += 1
  return pass(step, ctx)
}

const begin = (dir: string, act: Act = counted, cmdline?: string) => beginFakeBoot(dir, act, cmdline)

/** Runs a boot in another process until its second step has started, and kills it there. */
async function killedInTheMiddle(dir: string) {
  const program = join(import.meta.dirname, 'helpers/boot-until-killed.ts')
  const child = spawn(process.execPath, [program, dir], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [said] = await once(child.stdout, 'data')
  assert.is(String(said), 'hanging\n')
  child.kill('SIGKILL')
  await once(child, 'close')
}

test('a boot runs its job once, and says so in report and events', async () => {
  const dir = temporaryDir()
  runs = 0
  const boot = await begin(dir)
  const report = await boot.run()
  assert.is(runs, 3)
  assert.is(report.verdict, 'passed')
  assert.equal(JSON.parse(readFileSync(join(dir, 'report.json'), 'utf8')), JSON.parse(JSON.stringify(report)))
})

test('started again after its end: the report stands, nothing is run', async () => {
  const dir = temporaryDir()
  const first = await (await begin(dir)).run()
  runs = 0
  const second = await (await begin(dir)).run()
  assert.is(runs, 0)
  assert.equal(second, JSON.parse(JSON.stringify(first)))
})

test('killed in the middle: unknown, nothing is run again, and what had ended keeps its verdict', async () => {
  const dir = temporaryDir()
  await killedInTheMiddle(dir)
  runs = 0
  const boot = await begin(dir)
  const report = await boot.run()
  assert.is(runs, 0)
  assert.is(report.verdict, 'unknown')
  assert.match(report.reason ?? '', 'ended in the middle of the job')
  assert.equal(
    report.tasks.map(({ task, verdict, steps }) => [task, verdict, steps.map((step) => step.verdict)]),
    [
      ['fake', 'unknown', ['passed', 'unknown']],
      ['next', 'unknown', []],
    ],
  )
  const ends = (await readEvents(boot.events.path)).filter((event) => event.kind === 'job.end')
  assert.equal(
    ends.map((event) => event.verdict),
    ['unknown'],
  )
  assert.is((await (await begin(dir)).run()).verdict, 'unknown', 'and so it stays')
})

test('killed in the middle of a task that resumes: it goes on, and then what comes after it', async () => {
  const dir = temporaryDir()
  await killedInTheMiddle(dir)
  runs = 0
  const again = () => beginFakeBoot(dir, counted, undefined, { resumes: true })
  const boot = await again()
  const report = await boot.run()
  assert.is(runs, 3)
  assert.is(report.verdict, 'passed')
  assert.equal(
    report.tasks.map(({ task, verdict }) => [task, verdict]),
    [
      ['fake', 'passed'],
      ['next', 'passed'],
    ],
  )
  const events = await readEvents(boot.events.path)
  assert.is(events.filter((event) => event.kind === 'job.start').length, 1)
  assert.ok(events.some((event) => event.kind === 'log' && /middle of fake; it goes on/.test(event.message)))
  const view = events.reduce(reduce, NOTHING)
  assert.equal(
    view.tasks.map(({ name, state, steps }) => [name, state, steps.length]),
    [
      ['fake', 'passed', 2],
      ['next', 'passed', 1],
    ],
  )
  await (await again()).run()
  assert.is(runs, 3, 'once it has ended it is not run again')
})

test('a task after one that resumes is not run again when the process was ended in that', async () => {
  const dir = temporaryDir()
  await killedInTheMiddle(dir)
  // As if `fake` had ended and `next`, which does not resume, had begun.
  const lines = readFileSync(runPaths(dir).events, 'utf8').trimEnd().split('\n')
  const { seq, ...stamp } = JSON.parse(lines.at(-1) ?? '')
  const add = (offset: number, body: object) =>
    lines.push(JSON.stringify({ seq: seq + offset, ...stamp, step: undefined, title: undefined, ...body }))
  add(1, { kind: 'task.end', task: 'fake', verdict: 'passed', seconds: 1 })
  add(2, { kind: 'task.start', task: 'next', steps: 1, timeout: 1000 })
  writeFileSync(runPaths(dir).events, `${lines.join('\n')}\n`)
  runs = 0
  const report = await (await beginFakeBoot(dir, counted, undefined, { resumes: true })).run()
  assert.is(runs, 0)
  assert.is(report.verdict, 'unknown')
})

test('negative control: without the mark of the start the job would be run again', async () => {
  const dir = temporaryDir()
  await killedInTheMiddle(dir)
  rmSync(runPaths(dir).started)
  rmSync(runPaths(dir).lock)
  runs = 0
  await (await begin(dir)).run()
  assert.is(runs, 3)
})

test('a plain live system that is started again is still one', async () => {
  const dir = temporaryDir()
  await (await begin(dir, counted, '')).run()
  rmSync(runPaths(dir).report)
  const report = await (await begin(dir, counted, '')).run()
  assert.is(report.verdict, null)
})

test('a damaged report is not taken for one', async () => {
  const dir = temporaryDir()
  await (await begin(dir)).run()
  writeFileSync(runPaths(dir).report, '{"schema":"speediso.rep')
  const again = await (await begin(dir)).run()
  assert.is(again.verdict, 'passed', 'the events tell that the job had ended, and how')
})

test('what was begun last counts: a process before it that had nothing to do changes nothing', async () => {
  const dir = temporaryDir()
  const nothing = await begin(dir, counted, 'SPEEDISO=rescue')
  await nothing.run()
  rmSync(runPaths(dir).report)
  rmSync(runPaths(dir).started)
  rmSync(runPaths(dir).lock)
  await killedInTheMiddle(dir)
  runs = 0
  const report = await (await begin(dir)).run()
  assert.is(runs, 0)
  assert.is(report.verdict, 'unknown')
})

test('an event line that somebody has damaged ends nothing', async () => {
  const dir = temporaryDir()
  await killedInTheMiddle(dir)
  const { events } = runPaths(dir)
  const lines = readFileSync(events, 'utf8').split('\n')
  writeFileSync(events, [...lines.slice(0, 2), '{"seq":3,"time":!!}', ...lines.slice(3)].join('\n'))
  const printed: number[] = []
  const boot = await begin(dir)
  const printing = printEvents(boot.events, ({ seq }) => void printed.push(seq))
  assert.is((await boot.run()).verdict, 'unknown')
  await printing.finish()
  assert.ok(printed.includes(4) && !printed.includes(3), printed.join())
})

test('motd', () => {
  const state = { version: 'speediso 1', tasks: ['wipe'], problems: [] }
  assert.equal(motdLines(state), ['speediso 1', 'Job wipe: running'])
  assert.match(
    motdLines({ ...state, ended: { verdict: 'failed', reason: 'sda: it broke' } }).join('\n'),
    'Job wipe: FAILED (sda: it broke)',
  )
  assert.match(motdLines({ ...state, tasks: [] }).join('\n'), 'plain live system')
  assert.not.match(motdLines({ ...state, tasks: [], waiting: true }).join('\n'), 'plain live system')
  const problems = [{ parameter: 'SPEEDISO', message: '"wip" is no task', hint: 'did you mean wipe?' }]
  assert.equal(motdLines({ ...state, tasks: [], problems }).slice(1), [
    'NOTHING WAS RUN: what this machine is asked to do is not valid:',
    '  SPEEDISO: "wip" is no task; did you mean wipe?',
  ])
})

test.run()
