import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { emptyJob } from '../../src/job/empty.ts'
import type { Job } from '../../src/job/schema.ts'
import { afterAction } from '../../src/runtime/after.ts'
import { runJob } from '../../src/runtime/run-job.ts'
import type { AnyTask } from '../../src/runtime/task.ts'
import { type Act, context, doubt, fail, fakeTask, hang, pass, recorder } from './helpers/tasks.ts'

const identity = {
  hostId: 'test',
  origin: 'the test',
  hostname: 'test',
  serial: 'SN-1',
  macs: [{ name: 'eth0', mac: '52:54:00:00:00:01', permanent: true }],
}

async function run(tasks: [name: string, act: Act, destructive?: boolean][], over: Partial<Job> = {}) {
  const ran: string[] = []
  const registry = Object.fromEntries(
    tasks.map(([name, act, destructive = false]) => {
      const noted: Act = (step, ctx) => {
        ran.push(name)
        return act(step, ctx)
      }
      return [name, async (): Promise<AnyTask> => fakeTask({ a: noted }, { name, destructive })]
    }),
  )
  const { events, emit } = recorder()
  const requests = tasks.map(([name]) => ({ name, options: {}, timeout: 10_000 }))
  const job = { ...emptyJob(), tasks: requests, ...over }
  const outcome = await runJob(job, [], '', { ...context(), dir: '/nonexistent', registry, identity, emit })
  return { outcome, ran, events }
}

test('tasks run in order; all passed is passed', async () => {
  const { outcome, ran, events } = await run([
    ['one', pass],
    ['two', pass],
  ])
  assert.is(outcome.verdict, 'passed')
  assert.equal(ran, ['one', 'two'])
  assert.is(events[0]?.kind, 'job.start')
  assert.is(events.at(-1)?.kind, 'job.end')
})

test('no task: nothing to judge', async () => {
  const { outcome } = await run([])
  assert.is(outcome.verdict, null)
})

test('a failed task stops those after it, and they are unknown', async () => {
  const { outcome, ran } = await run([
    ['one', fail],
    ['two', pass],
  ])
  assert.equal(ran, ['one'])
  assert.is(outcome.verdict, 'failed')
  assert.is(outcome.tasks[1]?.verdict, 'unknown')
  assert.is(outcome.tasks[1]?.reason, 'not run: one failed')
})

test('an unknown task that destroys nothing does not stop the next', async () => {
  const { outcome, ran } = await run([
    ['one', doubt],
    ['two', pass],
  ])
  assert.equal(ran, ['one', 'two'])
  assert.is(outcome.verdict, 'unknown')
})

test('an unknown destructive task stops the next', async () => {
  const { ran } = await run(
    [
      ['one', doubt, true],
      ['two', pass],
    ],
    { confirm: ['SN-1'] },
  )
  assert.equal(ran, ['one'])
})

test('a destructive task without confirmation is refused, and is failed', async () => {
  const { outcome, ran } = await run([['wipe', pass, true]])
  assert.equal(ran, [])
  assert.is(outcome.verdict, 'failed')
  assert.match(
    outcome.reason ?? '',
    'speediso.confirm= is not given; this machine is 52:54:00:00:00:01, SN-1',
  )
})

test('a confirmation of another machine is refused', async () => {
  const { ran, outcome } = await run([['wipe', pass, true]], { confirm: ['SN-2'] })
  assert.equal(ran, [])
  assert.match(outcome.reason ?? '', 'names SN-2')
})

test('a confirmation of this machine lets it run', async () => {
  const { ran, outcome } = await run([['wipe', pass, true]], { confirm: ['SN-2', '52-54-00-00-00-01'] })
  assert.equal(ran, ['wipe'])
  assert.is(outcome.verdict, 'passed')
})

test('a problem in the job runs nothing', async () => {
  const { events, emit } = recorder()
  const problems = [{ parameter: 'speediso.after', message: 'is wrong' }]
  const outcome = await runJob(emptyJob(), problems, '', {
    ...context(),
    dir: '/nonexistent',
    registry: {},
    identity,
    emit,
  })
  assert.is(outcome.verdict, 'failed')
  assert.is(outcome.reason, 'no task was run: speediso.after: is wrong')
  assert.ok(events.some((event) => event.kind === 'log' && event.message === 'speediso.after: is wrong'))
})

test("the job's own timeout ends the task that runs, and those after it are not run", async () => {
  const { outcome, ran } = await run(
    [
      ['one', hang],
      ['two', pass],
    ],
    { timeout: 50 },
  )
  assert.equal(ran, ['one'])
  assert.is(outcome.verdict, 'failed')
  assert.match(outcome.reason ?? '', 'the job did not end within 50ms')
})

test('what follows', () => {
  const asked = { job: { after: 'reboot', after_failure: 'poweroff' }, problems: [] } as const
  assert.is(afterAction(asked, 'passed'), 'reboot')
  assert.is(afterAction(asked, 'failed'), 'poweroff')
  assert.is(afterAction(asked, 'unknown'), 'poweroff')
  assert.is(afterAction(asked, null), 'stay')
  assert.is(afterAction({ ...asked, problems: ['a typo'] }, 'failed'), 'stay')
})

test.run()
