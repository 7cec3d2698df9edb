import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { heartbeatSchema, noticeSchema } from '../../src/runtime/deliver/message.ts'
import type { EventBody } from '../../src/runtime/events.ts'
import { createHttp, type Http } from '../../src/system/http.ts'
import { createMachineRoot } from '../../src/system/machine-root.ts'
import { FAST, type Received, reportOf, startDelivery, startReceiver, until } from './helpers/deliver.ts'
import { temporaryDir } from './helpers/temporary.ts'

const kindOf = ({ headers }: Received) => String(headers['speediso-kind'])
const jobStart: EventBody = { kind: 'job.start', tasks: ['a', 'b'], command_line: '' }
const taskStart = (task: string): EventBody => ({ kind: 'task.start', task, steps: 1, timeout: 1000 })
const taskEnd = (task: string, verdict: 'passed' | 'unknown'): EventBody => ({
  kind: 'task.end',
  task,
  verdict,
  seconds: 1,
})

test('job and tasks are announced by themselves, in their order, also when each is refused first', async () => {
  const seen = new Map<string, number>()
  await using server = await startReceiver(({ headers }) => {
    const id = String(headers['speediso-id'])
    seen.set(id, (seen.get(id) ?? 0) + 1)
    return (seen.get(id) ?? 0) < 3 ? 503 : 200
  })
  await using bench = await startDelivery(`speediso.report=${server.url}`)
  for (const body of [jobStart, taskStart('a'), taskEnd('a', 'passed'), taskStart('b')])
    bench.events.append(body)
  await server.until(() => server.took.length === 3)
  assert.equal(server.took, ['job-started', 'task-started a', 'task-started b'])
  const notices = server.got.map(({ body }) => noticeSchema.parse(JSON.parse(String(body))))
  assert.equal([...new Set(notices.map(({ seq }) => seq))], [1, 2, 4])
  assert.equal([notices[0]?.host, notices[0]?.boot_id], ['host-1', 'boot-1'])
  assert.is(new Set(server.got.map(({ headers }) => headers['speediso-id'])).size, 3)
  await until(() => bench.delivery.state().report?.notices.waiting === 0)
  assert.equal(bench.delivery.state().report?.notices, { accepted: 3, waiting: 0, dropped: 0 })
})

test('what happened before this process began is not announced again', async () => {
  await using server = await startReceiver()
  const first = await startDelivery(`speediso.report=${server.url}`)
  first.events.append(jobStart)
  await server.until(() => server.took.length === 1)
  const { dir } = first
  await first[Symbol.asyncDispose]()
  await using again = await startDelivery(`speediso.report=${server.url}`, { dir })
  again.events.append(taskStart('b'))
  await server.until(() => server.took.length === 2)
  assert.equal(server.took, ['job-started', 'task-started b'])
  assert.is(new Set(server.got.map(({ headers }) => headers['speediso-id'])).size, 2, 'no id is given twice')
})

test('a report overtakes notices that the server does not take', async () => {
  await using server = await startReceiver((got) => (kindOf(got) === 'notice' ? 400 : 200))
  await using bench = await startDelivery(`speediso.report=${server.url}`, { pace: { notice: 100 } })
  bench.events.append(jobStart)
  bench.events.append(taskStart('a'))
  await server.until(() => server.got.length > 0)
  assert.is(await bench.delivery.deliver(reportOf()), 'accepted')
  assert.equal(server.took, ['report'])
  await until(() => bench.delivery.state().report?.notices.waiting === 0)
  assert.is(bench.delivery.state().report?.notices.dropped, 2)
  server.behave = () => 200
  assert.is(await bench.delivery.notice('about-to-reboot'), true, 'those that come after it go out')
  assert.equal(server.took, ['report', 'about-to-reboot'])
})

test('a job that is over at once: its notices still come before its report', async () => {
  await using server = await startReceiver()
  await using bench = await startDelivery(`speediso.report=${server.url}`)
  for (const body of [jobStart, taskStart('a'), taskEnd('a', 'passed')]) bench.events.append(body)
  bench.events.append({ kind: 'job.end', verdict: 'passed', after: 'stay' })
  await bench.delivery.deliver(reportOf())
  assert.equal(server.took, ['job-started', 'task-started a', 'report'])
})

test('a report that is accepted late does not take the notice of the act with it', async () => {
  const spool = { dir: join(temporaryDir(), 'spool'), survives: true }
  let late: ServerResponse | undefined
  await using server = await startReceiver((got) => {
    if (kindOf(got) !== 'notice') return 500
    return (response) => {
      late = response
    }
  })
  const pace = { notice: 60_000, answer: { ...FAST.answer, notice: 60_000 } }
  await using bench = await startDelivery(`speediso.report=${server.url} speediso.report.wait=50ms`, {
    spool,
    pace,
  })
  assert.is(await bench.delivery.deliver(reportOf()), 'spooled')
  const going = bench.delivery.beforeAfter('reboot')
  await server.until(() => late !== undefined)
  server.behave = () => 200
  await until(() => bench.delivery.state().report?.state === 'accepted')
  late?.writeHead(200).end()
  assert.is(await going, true)
  assert.equal(bench.delivery.state().report?.notices, { accepted: 1, waiting: 0, dropped: 0 })
})

test('heartbeats tell where the job is', async () => {
  await using server = await startReceiver()
  await using bench = await startDelivery(`speediso.report=${server.url}`, { pace: { heartbeat: 20 } })
  const beats = () =>
    server.got.filter((got) => kindOf(got) === 'heartbeat').map(({ body }) => JSON.parse(String(body)))
  const beatThat = async (fits: (beat: { task?: string; step?: string; state: string }) => boolean) => {
    await server.until(() => beats().some(fits))
    return heartbeatSchema.parse(beats().find(fits))
  }
  assert.equal((await beatThat(() => true)).verdict, null)
  bench.events.append(taskStart('a'))
  bench.events.append({ kind: 'step.start', task: 'a', step: 's', title: 'x' })
  const progress = { done: 1, total: 4, unit: 'byte', rate: 2, eta: null }
  bench.events.append({ kind: 'step.progress', task: 'a', step: 's', ...progress })
  const running = await beatThat(({ step }) => step === 's')
  assert.equal([running.state, running.task, running.verdict], ['running', 'a', null])
  await until(() => beats().some((beat) => beat.progress !== undefined))
  assert.equal(beats().find((beat) => beat.progress !== undefined).progress, progress)
  bench.events.append(taskEnd('a', 'unknown'))
  bench.events.append(taskEnd('b', 'passed'))
  bench.events.append({ kind: 'job.end', verdict: 'unknown', after: 'stay' })
  const ended = await beatThat(({ state }) => state === 'ended')
  assert.equal([ended.verdict, ended.task], ['unknown', undefined])
})

test('a heartbeat that hangs is waited for: none queues behind it, and those due are left out', async () => {
  let open = 0
  let most = 0
  const real = createHttp(createMachineRoot('/no-such-root'))
  const http: Http = async (url, request) => {
    open += 1
    most = Math.max(most, open)
    try {
      return await real(url, request)
    } finally {
      open -= 1
    }
  }
  await using server = await startReceiver(() => () => {})
  await using bench = await startDelivery(`speediso.report=${server.url}`, { http, pace: { heartbeat: 10 } })
  await server.until(() => server.got.length >= 3)
  assert.is(most, 1)
  const beats = bench.delivery.state().report?.heartbeats
  assert.ok((beats?.missed ?? 0) > server.got.length, 'many were due')
  assert.is((await bench.said()).filter((line) => line.startsWith('heartbeat:')).length, 1)
})

test.run()
