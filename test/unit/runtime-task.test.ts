import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CommandError } from '../../src/errors.ts'
import { eventSchema } from '../../src/runtime/events.ts'
import { runTask } from '../../src/runtime/run-task.ts'
import { combineVerdicts } from '../../src/runtime/verdict.ts'
import { type Act, context, doubt, fail, fakeTask, hang, pass, recorder } from './helpers/tasks.ts'

const request = (timeout = 10_000) => ({ name: 'fake', options: {}, timeout })

async function run(acts: Record<string, Act>, timeout?: number, over = {}) {
  const { events, emit } = recorder()
  const report = await runTask(fakeTask(acts, over), request(timeout), context(), emit)
  for (const event of events) eventSchema.parse(event)
  return { report, events }
}

test('all steps passed: passed, with evidence and events in order', async () => {
  const { report, events } = await run({ a: pass })
  assert.is(report.verdict, 'passed')
  assert.is(report.reason, undefined)
  assert.equal(report.facts, { found: true })
  assert.equal(report.steps[0]?.evidence, { seen: 1 })
  assert.equal(
    events.map((event) => event.kind),
    ['task.start', 'step.start', 'step.end', 'task.end'],
  )
})

test('one unknown step: unknown; one failed step: failed', async () => {
  assert.is((await run({ a: pass, b: doubt })).report.verdict, 'unknown')
  const { report } = await run({ a: pass, b: doubt, c: fail })
  assert.is(report.verdict, 'failed')
  assert.is(report.reason, 'do c: it broke')
})

test('a pass without evidence is no pass', async () => {
  const { report } = await run({ a: async () => ({ verdict: 'passed', evidence: {} }) })
  assert.is(report.verdict, 'unknown')
  assert.match(report.reason ?? '', 'no evidence')
})

test('a plan without steps proves nothing', async () => {
  const { report } = await run({})
  assert.is(report.verdict, 'unknown')
  assert.is(report.reason, 'the plan has no step')
})

test('a step that throws has failed, with every fact of the error', async () => {
  const cause = new Error('deep')
  const { report } = await run({
    a: async () => {
      throw new CommandError('nvme ended with exit code 1', { facts: { exitCode: 1 }, hint: 'look', cause })
    },
  })
  assert.is(report.verdict, 'failed')
  assert.is(report.steps[0]?.reason, 'nvme ended with exit code 1; hint: look; because: deep')
  const error = report.steps[0]?.evidence.error as Record<string, unknown>
  assert.is(error.exitCode, 1)
  assert.is((error.cause as { message: string }).message, 'deep')
})

test('facts that cannot be read fail the task before any step', async () => {
  const { report, events } = await run({ a: pass }, undefined, {
    readFacts: async () => {
      throw new Error('no sysfs')
    },
  })
  assert.is(report.verdict, 'failed')
  assert.is(report.reason, 'no sysfs')
  assert.not.ok(events.some((event) => event.kind === 'step.start'))
})

test('a step past the timeout is told to end, and the verdict says so', async () => {
  const { report } = await run({ a: hang, b: pass }, 50)
  assert.is(report.verdict, 'failed')
  assert.is(report.steps[0]?.reason, 'did not end within 50ms')
  assert.is(report.steps[1]?.verdict, 'passed')
})

test('a step that passes after its time was up has not passed', async () => {
  const { report } = await run(
    {
      a: async () => {
        await sleep(60)
        return { verdict: 'passed', evidence: { late: true } }
      },
    },
    20,
  )
  assert.is(report.verdict, 'failed')
})

test('children of a step are ended with it', async () => {
  let pid = ''
  const { report } = await run(
    {
      a: async (_, { exec, signal, root }) => {
        const done = exec('sleep', ['1000'], { signal })
        const children = await root.readText(`/proc/${process.pid}/task/${process.pid}/children`)
        pid = children ?? ''
        await done
        return { verdict: 'passed', evidence: { impossible: true } }
      },
    },
    100,
  )
  assert.is(report.verdict, 'failed')
  assert.match(pid, /^\d+/)
  assert.throws(() => process.kill(Number(pid.trim().split(' ')[0]), 0), /ESRCH/)
})

test('lanes run beside each other, steps of a lane one after another', async () => {
  const order: string[] = []
  const slow: Act = async (step) => {
    order.push(`${step.id} starts`)
    await sleep(20)
    order.push(`${step.id} ends`)
    return { verdict: 'passed', evidence: { done: true } }
  }
  await run({ 'x-1': slow, 'x-2': slow, 'y-1': slow })
  assert.equal(order.slice(0, 2).sort(), ['x-1 starts', 'y-1 starts'])
  assert.ok(order.indexOf('x-1 ends') < order.indexOf('x-2 starts'))
})

test('nothing is run in a lane after a failure, and that is unknown', async () => {
  let ran = false
  const { report } = await run({
    'x-1': fail,
    'x-2': async () => {
      ran = true
      return { verdict: 'passed', evidence: { ran } }
    },
    'y-1': pass,
  })
  assert.not.ok(ran)
  assert.equal(
    report.steps.map((step) => step.verdict),
    ['failed', 'unknown', 'passed'],
  )
  assert.is(report.steps[1]?.reason, 'not run: "do x-1" failed')
})

test('progress: rate and ETA are worked out, and not too often', async () => {
  let now = 0
  const clock = { now: () => 0, monotonic: () => now }
  const { events, emit } = recorder()
  const act: Act = async (_, { voice }) => {
    for (let done = 0; done <= 1000; done += 100) {
      voice.progress(done, 1000, 'bytes')
      now += 250
    }
    return { verdict: 'passed', evidence: { done: 1000 } }
  }
  await runTask(fakeTask({ a: act }), request(), context({ clock }), emit)
  const progress = events.filter((event) => event.kind === 'step.progress')
  assert.equal(
    progress.map(({ done, rate, eta }) => [done, rate, eta]),
    [
      [0, null, null],
      [200, 400, 2],
      [400, 400, 1.5],
      [600, 400, 1],
      [800, 400, 0.5],
      [1000, 400, 0],
    ],
  )
})

test('a clock that jumps in the middle changes no duration, rate or ETA', async () => {
  let elapsed = 0
  let jump = 0
  const clock = { now: () => 1_800_000_000_000 + elapsed + jump, monotonic: () => elapsed }
  const { events, emit } = recorder()
  const act: Act = async (_, { voice }) => {
    voice.progress(0, 100, 'bytes')
    elapsed += 1000
    jump = -31_536_000_000
    voice.progress(50, 100, 'bytes')
    elapsed += 1000
    jump = 31_536_000_000
    return { verdict: 'passed', evidence: { done: 100 } }
  }
  const report = await runTask(fakeTask({ a: act }), request(), context({ clock }), emit)
  assert.is(report.verdict, 'passed')
  assert.is(report.seconds, 2)
  assert.is(report.steps[0]?.seconds, 2)
  const last = events.findLast((event) => event.kind === 'step.progress')
  assert.equal([last?.rate, last?.eta], [50, 1])
})

test('combined verdicts', () => {
  assert.is(combineVerdicts([]), 'unknown')
  assert.is(combineVerdicts(['passed', 'passed']), 'passed')
  assert.is(combineVerdicts(['passed', 'unknown']), 'unknown')
  assert.is(combineVerdicts(['unknown', 'failed', 'passed']), 'failed')
})

test.run()
