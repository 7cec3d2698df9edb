import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { InputError } from '../../src/errors.ts'
import { runTask } from '../../src/runtime/run-task.ts'
import type { Step } from '../../src/runtime/task.ts'
import { systemClock } from '../../src/system/clock.ts'
import { type Act, context, doubt, fail, fakeTask, pass, recorder } from './helpers/tasks.ts'

type Rest = Partial<Pick<Step, 'lane' | 'needs' | 'estimate'>>

/** Runs a plan whose steps are given in order, each with its act. */
async function run(steps: Record<string, [act: Act, rest?: Rest]>, clock = systemClock) {
  const order: string[] = []
  const acts = Object.fromEntries(
    Object.entries(steps).map(([id, [act]]): [string, Act] => [
      id,
      async (step, ctx) => {
        order.push(`${id} begins`)
        const outcome = await act(step, ctx)
        order.push(`${id} ends`)
        return outcome
      },
    ]),
  )
  const plan = () => ({
    steps: Object.entries(steps).map(([id, [, rest]]) => ({
      id,
      kind: 'act',
      title: `do ${id}`,
      params: {},
      lane: id,
      ...rest,
    })),
  })
  const { events, emit } = recorder()
  const report = await runTask(
    fakeTask(acts, { plan }),
    { name: 'fake', options: {}, timeout: 10_000 },
    context({ clock }),
    emit,
  )
  const verdicts = Object.fromEntries(report.steps.map(({ id, verdict, reason }) => [id, reason ?? verdict]))
  return { report, events, order, verdicts }
}

const slowly: Act = async (step, ctx) => {
  for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve))
  return pass(step, ctx)
}

test('a step begins only when what it needs has passed, in whatever lane that is', async () => {
  const { order, report } = await run({
    first: [slowly],
    second: [pass, { needs: ['first'] }],
    other: [pass],
  })
  assert.is(report.verdict, 'passed')
  assert.ok(order.indexOf('second begins') > order.indexOf('first ends'))
  assert.ok(order.indexOf('other ends') < order.indexOf('first ends'), 'nobody else waits')
})

test('negative control: without the need it does not wait', async () => {
  const { order } = await run({ first: [slowly], second: [pass] })
  assert.ok(order.indexOf('second ends') < order.indexOf('first ends'))
})

test('what is needed and did not pass: the step is not run, and says why; others go on', async () => {
  const { order, verdicts, report } = await run({
    bad: [fail],
    vague: [doubt],
    a: [pass, { needs: ['bad'] }],
    b: [pass, { needs: ['vague'] }],
    c: [pass, { needs: ['a'] }],
    d: [pass],
  })
  assert.is(report.verdict, 'failed')
  assert.is(verdicts.a, 'not run: "do bad" failed')
  assert.is(verdicts.b, 'not run: "do vague" is unknown')
  assert.is(verdicts.c, 'not run: "do a" is unknown')
  assert.is(verdicts.d, 'passed')
  assert.not(order.some((text) => /^[abc] /.test(text)))
})

test('a plan whose steps could wait for ever is not begun', async () => {
  const { report, order } = await run({ a: [pass, { needs: ['b'] }], b: [pass] })
  assert.is(report.verdict, 'failed')
  assert.match(report.reason ?? '', 'step a needs b, which is not above it')
  assert.equal(order, [])
})

test('a task whose steps have estimates says how far it is, and when its last lane ends', async () => {
  const { events } = await run({
    a: [pass, { lane: 'x', estimate: 100 }],
    b: [pass, { lane: 'x', estimate: 50 }],
    c: [slowly, { lane: 'y', estimate: 20 }],
  })
  const told = events.filter((event) => event.kind === 'task.progress')
  assert.equal(
    told.filter(({ done }) => done > 0).map(({ done, total, unit }) => [done, total, unit]),
    [
      [1, 3, 'steps'],
      [2, 3, 'steps'],
      [3, 3, 'steps'],
    ],
  )
  const at = (done: number) => told.findLast((event) => event.done === done)?.eta ?? Number.NaN
  assert.ok(at(1) > 49 && at(1) <= 50, `${at(1)}`)
  assert.ok(at(2) > 19 && at(2) <= 20, `${at(2)}`)
  assert.is(at(3), 0)
  const { events: none } = await run({ a: [pass] })
  assert.not(none.some((event) => event.kind === 'task.progress'))
})

test('a step that cannot tell its own end leaves that of the task open', async () => {
  let now = 0
  const vague: Act = async (step, ctx) => {
    now += 5000
    ctx.voice.progress(0, 100, 'bytes')
    return pass(step, ctx)
  }
  const { events } = await run(
    { a: [vague, { estimate: 10 }], b: [slowly, { estimate: 30 }] },
    { ...systemClock, monotonic: () => now },
  )
  const etas = events.filter((event) => event.kind === 'task.progress').map(({ eta }) => eta)
  assert.equal(etas, [30, null, 30, 0])
})

test('the result is made when the verdict is known, and may take its time', async () => {
  const { emit } = recorder()
  const task = fakeTask(
    { a: doubt },
    { result: async (_ran, _facts, { verdict, reason, ctx }) => ({ verdict, reason, dir: ctx.stateDir }) },
  )
  const report = await runTask(task, { name: 'fake', options: {}, timeout: 10_000 }, context(), emit)
  assert.equal(report.result, {
    verdict: 'unknown',
    reason: 'do a: nothing to see',
    dir: '/nonexistent',
  })
})

test('what the result proves counts where it is less than what the steps say, and never more', async () => {
  const verdictOf = async (act: Act, judged: 'passed' | 'failed' | 'unknown') => {
    const { emit } = recorder()
    const task = fakeTask({ a: act }, { judge: () => ({ verdict: judged, reason: 'looked at again' }) })
    const report = await runTask(task, { name: 'fake', options: {}, timeout: 10_000 }, context(), emit)
    return `${report.verdict}: ${report.reason}`
  }
  assert.is(await verdictOf(pass, 'passed'), 'passed: undefined')
  assert.is(await verdictOf(pass, 'unknown'), 'unknown: looked at again')
  assert.is(await verdictOf(pass, 'failed'), 'failed: looked at again')
  assert.is(await verdictOf(doubt, 'failed'), 'failed: looked at again; do a: nothing to see')
  assert.is(await verdictOf(doubt, 'passed'), 'unknown: do a: nothing to see')
  assert.is(await verdictOf(fail, 'unknown'), 'failed: do a: it broke')
})

test('input that does not fit the machine is told apart from a failure; nothing was run', async () => {
  const { emit } = recorder()
  const plan = () => {
    throw new InputError('serial:NO is no disk', { hint: 'there are A and B' })
  }
  const request = { name: 'fake', options: {}, timeout: 10_000 }
  const report = await runTask(fakeTask({ a: pass }, { plan }), request, context(), emit)
  assert.equal([report.verdict, report.bad_input], ['failed', true])
  assert.match(report.reason ?? '', 'there are A and B')
  const other = await runTask(fakeTask({ a: fail }), request, context(), emit)
  assert.is(other.bad_input, undefined)
})

test.run()
