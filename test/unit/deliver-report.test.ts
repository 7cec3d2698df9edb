import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { deliverySchema } from '../../src/runtime/deliver/state.ts'
import { reportSchema } from '../../src/runtime/report.ts'
import { FAST, type Received, reportOf, startDelivery, startReceiver, until } from './helpers/deliver.ts'

const asked = (url: string, more = '') => `speediso.report=${url} ${more}`
const idOf = ({ headers }: Received) => headers['speediso-id']

async function unusedPort(): Promise<number> {
  await using server = await startReceiver()
  return Number(new URL(server.url).port)
}

test('the report is posted with its headers, and accepted', async () => {
  await using server = await startReceiver(() => 201)
  await using bench = await startDelivery(asked(server.url, 'speediso.report.token=bearer-token'))
  assert.is(await bench.delivery.deliver(reportOf()), 'accepted')
  const [got] = server.got
  assert.ok(got)
  assert.is(got.method, 'POST')
  assert.is(got.path, '/report')
  assert.is(got.headers['content-type'], 'application/json')
  assert.is(got.headers['speediso-kind'], 'report')
  assert.is(got.headers['speediso-host'], 'host-1')
  assert.is(got.headers['speediso-boot'], 'boot-1')
  assert.is(got.headers['speediso-id'], 'boot-1.report.1')
  assert.is(got.headers.authorization, 'Bearer bearer-token')
  assert.is(got.headers['speediso-signature'], undefined)
  assert.is(reportSchema.parse(JSON.parse(String(got.body))).verdict, 'passed')
  assert.equal(await bench.said(), [], 'what goes well says nothing')
})

test('a server that is not there yet gets the report once it is', async () => {
  const port = await unusedPort()
  await using bench = await startDelivery(asked(`http://127.0.0.1:${port}/report`))
  const delivering = bench.delivery.deliver(reportOf())
  await until(() => bench.events.last > 0)
  await using server = await startReceiver(() => 200, port)
  assert.is(await delivering, 'accepted')
  assert.equal(server.took, ['report'])
  const said = await bench.said()
  assert.is(said[0], `report: http://127.0.0.1:${port}/report: connection refused; trying again`)
  assert.match(said[1] ?? '', /^report: accepted after \d+ attempts$/)
  assert.is(said.length, 2, 'each change of state once, not each attempt')
})

test('500s, 401s and redirects are no acceptance, and are said with their status', async () => {
  await using server = await startReceiver((_, count) => {
    if (count === 1) return 500
    if (count === 2) return 401
    if (count === 3) return (response) => response.writeHead(307, { location: `${server.url}2` }).end()
    return 200
  })
  await using bench = await startDelivery(asked(server.url))
  assert.is(await bench.delivery.deliver(reportOf()), 'accepted')
  assert.is(server.got.length, 4)
  assert.equal(new Set(server.got.map(({ path }) => path)), new Set(['/report']), 'no redirect is followed')
  assert.is(new Set(server.got.map(idOf)).size, 1, 'each attempt has the same id')
  assert.equal(await bench.said(), [
    `report: ${server.url} answers 500; trying again`,
    'report: accepted after 4 attempts',
  ])
})

test('a server that answers 401 for good: kept, said, shown in the state; accepted when it changes its mind', async () => {
  await using server = await startReceiver(() => 401)
  await using bench = await startDelivery(asked(server.url, 'speediso.report.wait=100ms'))
  assert.is(await bench.delivery.deliver(reportOf()), 'spooled')
  const { report } = bench.delivery.state()
  assert.ok(report)
  assert.is(report.state, 'kept')
  assert.is(report.last_error, `${server.url} answers 401`)
  assert.ok(report.attempts > 1)
  assert.is(report.spool.holds_report, true)
  assert.match(
    (await bench.said()).join('\n'),
    'report: not accepted within 100ms; it is kept, and tried every',
  )
  server.behave = () => 200
  await server.until(() => server.took.length > 0)
  await until(() => bench.delivery.state().report?.state === 'accepted')
  assert.equal(server.took, ['report'])
  await bench[Symbol.asyncDispose]()
  const shown = deliverySchema.parse(JSON.parse(readFileSync(join(bench.dir, 'delivery.json'), 'utf8')))
  assert.ok(shown.report)
  assert.is(shown.report.state, 'accepted')
  assert.is(shown.report.last_error, null)
  assert.is(shown.report.spool.holds_report, false)
})

test('a server that accepts the connection and never answers', async () => {
  const silent = createServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const { port } = silent.address() as { port: number }
  try {
    await using bench = await startDelivery(asked(`http://127.0.0.1:${port}/`, 'speediso.report.wait=500ms'))
    assert.is(await bench.delivery.deliver(reportOf()), 'spooled')
    assert.match((await bench.said())[0] ?? '', 'no whole answer within 0.3 s; trying again')
  } finally {
    silent.close()
  }
})

test('an answer that drips in, byte by byte, and one without end', async () => {
  const timers = new Set<NodeJS.Timeout>()
  const open = (step: () => void, ms: number) => timers.add(setInterval(step, ms))
  await using server = await startReceiver((_, count) => {
    if (count === 1) {
      return (response) => {
        response.writeHead(200, { 'content-length': '1000' })
        open(() => response.write('x'), 20)
      }
    }
    if (count === 2) {
      return (response) => {
        response.writeHead(200)
        open(() => response.write('x'.repeat(60_000)), 1)
      }
    }
    return 200
  })
  try {
    await using bench = await startDelivery(asked(server.url))
    assert.is(await bench.delivery.deliver(reportOf()), 'accepted')
    assert.is(server.got.length, 3)
    assert.match((await bench.said())[0] ?? '', 'no whole answer within 0.3 s')
  } finally {
    for (const timer of timers) clearInterval(timer)
  }
})

test('credentials of the URL go to the server, and nowhere else', async () => {
  await using server = await startReceiver((_, count) => (count === 1 ? 500 : 200))
  const url = server.url.replace('http://', 'http://user:pass-word@')
  await using bench = await startDelivery(asked(url))
  await bench.delivery.deliver(reportOf())
  assert.is(server.got[0]?.headers.authorization, `Basic ${Buffer.from('user:pass-word').toString('base64')}`)
  assert.not.match((await bench.said()).join('\n'), 'pass-word')
  assert.not.match(JSON.stringify(bench.delivery.state()), 'pass-word')
})

test('a clock that jumps changes no wait, and each attempt is signed with the time of its own', async () => {
  let now = Date.parse('2026-01-01T00:00:00Z')
  const clock = { now: () => now, monotonic: () => performance.now() }
  await using server = await startReceiver((_, count) => {
    // Ten years on, and then back to before the first.
    now += count === 1 ? 315_360_000_000 : -400_000_000_000
    return count < 4 ? 500 : 200
  })
  const line = asked(server.url, 'speediso.report.wait=1h speediso.report.hmac_key=0123456789abcdef')
  await using bench = await startDelivery(line, { clock })
  assert.is(await bench.delivery.deliver(reportOf()), 'accepted')
  const stamps = server.got.map(({ headers }) => Number(headers['speediso-timestamp']))
  assert.equal(stamps.slice(0, 2), [1_767_225_600, 2_082_585_600])
  assert.equal((await bench.said()).length, 2)
})

test('nothing asked for: nothing is done', async () => {
  await using bench = await startDelivery('SPEEDISO=', {
    exec: () => Promise.reject(new Error('no program')),
    http: () => Promise.reject(new Error('no request')),
  })
  assert.is(await bench.delivery.deliver(reportOf({ verdict: 'failed' })), 'nowhere')
  assert.is(await bench.delivery.notice('job-started'), false)
  assert.is(await bench.delivery.beforeAfter('reboot'), true)
  assert.equal(await bench.said(), [])
  assert.throws(() => readFileSync(join(bench.dir, 'delivery.json')), 'ENOENT')
})

for (const verdict of ['passed', 'failed'] as const) {
  test(`told to stop during the job: its outcome, ${verdict}, is posted all the same`, async () => {
    await using server = await startReceiver()
    await using bench = await startDelivery(asked(server.url))
    bench.stop()
    assert.is(await bench.delivery.deliver(reportOf({ verdict })), 'accepted')
    assert.is(await bench.delivery.beforeAfter('reboot'), false)
    assert.equal(server.took, ['report'], 'and neither a notice nor a bundle')
    assert.is(JSON.parse(String(server.got[0]?.body)).verdict, verdict)
  })
}

test('told to stop while a report is kept: it is tried once more', async () => {
  await using server = await startReceiver(() => 500)
  const bench = await startDelivery(asked(server.url, 'speediso.report.wait=50ms'), {
    pace: { slowWait: 600_000 },
  })
  assert.is(await bench.delivery.deliver(reportOf()), 'spooled')
  server.behave = () => 200
  bench.stop()
  await bench[Symbol.asyncDispose]()
  assert.equal(server.took, ['report'])
  assert.is(bench.delivery.state().report?.state, 'accepted')
})

test('told to stop, and the server never answers: one attempt, with a limit of its own', async () => {
  await using server = await startReceiver(() => () => {})
  const pace = { answer: { ...FAST.answer, report: 600_000 } }
  await using bench = await startDelivery(asked(server.url), { pace })
  bench.stop()
  assert.is(await bench.delivery.deliver(reportOf()), 'spooled')
  assert.is(server.got.length, 1)
  assert.equal(await bench.said(), ['report: did not end within 0.3 s; given up'])
})

test('told to stop in the middle: ends at once', async () => {
  await using server = await startReceiver(() => 500)
  await using bench = await startDelivery(asked(server.url), { pace: { firstWait: 600_000 } })
  const delivering = bench.delivery.deliver(reportOf())
  await server.until(() => server.got.length > 0)
  bench.stop()
  assert.is(await delivering, 'spooled')
  assert.is(await bench.delivery.beforeAfter('reboot'), false)
})

test.run()
