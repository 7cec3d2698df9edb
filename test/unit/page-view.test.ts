import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { lowestPercent } from '../../src/live/page/model/percent.ts'
import { NOTHING, reduce } from '../../src/live/page/model/view.ts'
import type { Event, EventBody } from '../../src/runtime/events.ts'
import { log, numbered, viewOf } from './helpers/page-events.ts'

const start: EventBody = { kind: 'job.start', tasks: ['wipe', 'benchmark'], command_line: 'SPEEDISO=wipe' }
const task: EventBody = { kind: 'task.start', task: 'wipe', steps: 2, timeout: 1000 }
const step: EventBody = { kind: 'step.start', task: 'wipe', step: 'a', title: 'Overwrite' }
const end = (verdict: 'passed' | 'failed' | 'unknown' | null): EventBody => {
  return { kind: 'job.end', verdict, after: 'stay' }
}

test('before anything: waiting', () => {
  assert.is(NOTHING.job.state, 'waiting')
  assert.equal(viewOf([log('hello')]).job, NOTHING.job)
})

test('a job goes from waiting over running to its verdict, its tasks too', () => {
  const running = viewOf([start, task, step])
  assert.is(running.job.state, 'running')
  assert.equal(
    running.tasks.map(({ name, state, planned }) => [name, state, planned]),
    [
      ['wipe', 'running', 2],
      ['benchmark', 'waiting', 0],
    ],
  )
  assert.is(running.tasks[0]?.steps[0]?.state, 'running')
  const stepEnd: EventBody = {
    kind: 'step.end',
    task: 'wipe',
    step: 'a',
    verdict: 'failed',
    reason: 'it broke',
    seconds: 2,
    evidence: { errors: 3 },
  }
  const taskEnd: EventBody = {
    kind: 'task.end',
    task: 'wipe',
    verdict: 'failed',
    reason: 'it broke',
    seconds: 3,
  }
  const ended = viewOf([start, task, step, stepEnd, taskEnd, end('failed')])
  assert.is(ended.job.state, 'failed')
  assert.is(ended.job.ended, '2026-11-21T03:00:06.000Z')
  const [wipe, benchmark] = ended.tasks
  assert.equal([wipe?.state, wipe?.reason, wipe?.seconds], ['failed', 'it broke', 3])
  assert.equal(wipe?.steps[0]?.evidence, { errors: 3 })
  assert.equal([benchmark?.state, benchmark?.reason], ['unknown', 'it was not started'])
})

test('no verdict is claimed of what never ended', () => {
  const { tasks } = viewOf([start, task, step, end('unknown')])
  assert.is(tasks[0]?.state, 'unknown')
  assert.is(tasks[0]?.steps[0]?.state, 'unknown')
  assert.match(tasks[0]?.steps[0]?.reason ?? '', 'never told')
})

test('nothing asked is no verdict', () => {
  assert.is(viewOf([{ ...start, tasks: [] }, end(null)]).job.state, 'none')
})

test('progress and readings belong to their step, the last ones count', () => {
  const progress = (done: number): EventBody => {
    return {
      kind: 'step.progress',
      task: 'wipe',
      step: 'a',
      done,
      total: 100,
      unit: 'bytes',
      rate: 2,
      eta: 3,
    }
  }
  const reading = (value: number): EventBody => {
    return { kind: 'reading', task: 'wipe', step: 'a', name: 'temperature', value, unit: '°C' }
  }
  const view = viewOf([start, task, step, progress(10), reading(40), progress(30), reading(41)])
  const shown = view.tasks[0]?.steps[0]
  assert.equal(shown?.progress, { done: 30, total: 100, unit: 'bytes', rate: 2, eta: 3 })
  assert.equal(shown?.readings, { temperature: { value: 41, unit: '°C' } })
  assert.is(lowestPercent(view), 30)
})

test('the slowest running step gives the percentage; a step without a total gives none', () => {
  const other: EventBody = { kind: 'step.start', task: 'wipe', step: 'b', title: 'Overwrite' }
  const at = (id: string, done: number, total: number): EventBody => {
    return {
      kind: 'step.progress',
      task: 'wipe',
      step: id,
      done,
      total,
      unit: 'bytes',
      rate: null,
      eta: null,
    }
  }
  assert.is(lowestPercent(viewOf([start, task, step, other, at('a', 5, 10), at('b', 2, 10)])), 20)
  assert.is(lowestPercent(viewOf([start, task, step, at('a', 5, 0)])), undefined)
})

test('a task that is asked for twice keeps its two runs apart', () => {
  const ended: EventBody = { kind: 'task.end', task: 'wipe', verdict: 'passed', seconds: 1 }
  const { tasks } = viewOf([{ ...start, tasks: ['wipe', 'wipe'] }, task, step, ended, { ...task, steps: 5 }])
  assert.equal(
    tasks.map(({ state, planned, steps }) => [state, planned, steps.length]),
    [
      ['passed', 2, 1],
      ['running', 5, 0],
    ],
  )
})

test('errors of no task are problems, each once; those of a task are its own', () => {
  const own: EventBody = { kind: 'log', task: 'wipe', level: 'error', message: 'of the task' }
  const view = viewOf([start, log('bad name', 'error'), own, log('bad name', 'error'), log('hm', 'warning')])
  assert.equal(view.problems, ['bad name'])
})

test('what is kept of a host that never stops complaining is limited', () => {
  const view = viewOf(Array.from({ length: 100 }, (_, i) => log(`error ${i}`, 'error')))
  assert.is(view.problems.length, 20)
  assert.is(view.problems.at(-1), 'error 99')
})

test('an event that comes twice counts once, and one that is missing is counted', () => {
  const events = numbered([start, log('a'), log('b'), log('c')])
  const [first, second, , fourth] = events as [Event, Event, Event, Event]
  const once = [first, second].reduce(reduce, NOTHING)
  assert.is(reduce(once, second), once)
  assert.is(once.missing, 0)
  assert.is(reduce(once, fourth).missing, 1)
})

test('an event of a kind that is not known only counts', () => {
  const view = reduce(NOTHING, { ...numbered([log('a')])[0], kind: 'job.dance' } as unknown as Event)
  assert.equal(view, { ...NOTHING, last: 1, time: '2026-11-21T03:00:01.000Z' })
})

test('events of a task or a step that never began change nothing, and break nothing', () => {
  const strays: EventBody[] = [
    { kind: 'task.end', task: 'x', verdict: 'passed', seconds: 1 },
    { kind: 'step.end', task: 'x', step: 'y', verdict: 'passed', seconds: 1, evidence: {} },
    { kind: 'step.progress', task: 'wipe', step: 'y', done: 1, total: 1, unit: 'x', rate: null, eta: null },
  ]
  assert.equal(viewOf(strays).tasks, [])
})

test('the view before an event stays what it was', () => {
  const before = viewOf([start, task, step])
  const copy = structuredClone(before)
  reduce(before, numbered([end('passed')], 4)[0] as Event)
  assert.equal(before, copy)
})

test.run()
