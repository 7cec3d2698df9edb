import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openSpool } from '../../src/runtime/deliver/spool.ts'
import { reportOf, startDelivery, startReceiver, until } from './helpers/deliver.ts'
import { temporaryDir } from './helpers/temporary.ts'

const SHORT = 'speediso.report.wait=100ms'

test('the notice of a reboot is accepted before the act, and after the report', async () => {
  await using server = await startReceiver((_, count) => (count === 2 ? 500 : 200))
  await using bench = await startDelivery(`speediso.report=${server.url}`)
  await bench.delivery.deliver(reportOf())
  assert.is(await bench.delivery.beforeAfter('reboot'), true)
  assert.equal(server.took, ['report', 'about-to-reboot'])
  assert.is(server.got.length, 3, 'the notice that was refused was posted again before the act')
})

test('an act that is asked for while the report is under way waits for it', async () => {
  await using server = await startReceiver((_, count) => (count < 4 ? 500 : 200))
  await using bench = await startDelivery(`speediso.report=${server.url}`)
  const delivering = bench.delivery.deliver(reportOf())
  assert.is(await bench.delivery.beforeAfter('reboot'), true)
  assert.equal(server.took, ['report', 'about-to-reboot'])
  assert.is(await delivering, 'accepted')
})

for (const [action, notice] of [
  ['poweroff', 'about-to-power-off'],
  ['kexec', 'about-to-kexec'],
] as const) {
  test(`${action}: ${notice}`, async () => {
    await using server = await startReceiver()
    await using bench = await startDelivery(`speediso.report=${server.url}`)
    assert.is(await bench.delivery.beforeAfter(action), true)
    assert.equal(server.took, [notice])
  })
}

test('stay: nothing goes out', async () => {
  await using server = await startReceiver()
  await using bench = await startDelivery(`speediso.report=${server.url}`)
  assert.is(await bench.delivery.beforeAfter('stay'), true)
  assert.equal(server.got, [])
})

test('a notice that is not accepted holds the act no longer than its limit', async () => {
  await using server = await startReceiver(({ headers }) =>
    headers['speediso-kind'] === 'notice' ? 500 : 200,
  )
  await using bench = await startDelivery(`speediso.report=${server.url}`, { pace: { notice: 100 } })
  await bench.delivery.deliver(reportOf())
  assert.is(await bench.delivery.beforeAfter('reboot'), true)
  assert.ok(server.got.length > 2, 'it was tried more than once')
  assert.equal(server.took, ['report'])
})

test('a report that nobody has and that would be lost keeps the machine up until it is accepted', async () => {
  await using server = await startReceiver(() => 500)
  await using bench = await startDelivery(`speediso.report=${server.url} ${SHORT}`)
  assert.is(await bench.delivery.deliver(reportOf()), 'spooled')
  let done = false
  const waiting = bench.delivery.beforeAfter('reboot').then((go) => {
    done = true
    return go
  })
  const so_far = server.got.length
  await server.until(() => server.got.length >= so_far + 3)
  assert.is(done, false, 'three more attempts failed, and it still waits')
  assert.is(bench.delivery.state().held, 'reboot')
  assert.match((await bench.said()).join('\n'), 'reboot waits: the report is not accepted, and would be lost')
  server.behave = () => 200
  assert.is(await waiting, true)
  assert.equal(server.took, ['report', 'about-to-reboot'])
  assert.is(bench.delivery.state().held, null)
})

test('told to stop while it waits: the act is not done', async () => {
  await using server = await startReceiver(() => 500)
  await using bench = await startDelivery(`speediso.report=${server.url} ${SHORT}`)
  await bench.delivery.deliver(reportOf())
  const waiting = bench.delivery.beforeAfter('reboot')
  bench.stop()
  assert.is(await waiting, false)
})

test('a report in a spool that outlives the boot does not keep the machine up; the next boot sends it', async () => {
  const dir = temporaryDir()
  const spool = { dir: join(dir, 'hostpart', 'data', 'speediso', 'spool'), survives: true }
  await using server = await startReceiver(() => 500)
  const line = `speediso.report=${server.url} ${SHORT} speediso.report.token=secret-token`
  {
    await using bench = await startDelivery(line, { spool, pace: { notice: 50 } })
    assert.is(await bench.delivery.deliver(reportOf()), 'spooled')
    assert.is(await bench.delivery.beforeAfter('reboot'), true)
    assert.is(bench.delivery.state().held, null)
  }
  assert.equal(readdirSync(spool.dir), ['boot-1.report.1.json'])
  server.behave = () => 200
  await using next = await startDelivery(line, { spool, bootId: 'boot-2' })
  assert.is(await next.delivery.notice('job-started'), true)
  assert.equal(server.took, ['report', 'job-started'], 'what was left goes first')
  const got = server.got.at(-2)
  assert.ok(got)
  assert.is(got.headers['speediso-boot'], 'boot-1')
  assert.is(got.headers['speediso-id'], 'boot-1.report.1')
  assert.is(got.headers.authorization, 'Bearer secret-token', 'with the secrets of the present job')
  assert.equal(readdirSync(spool.dir), [])
})

test('a report that was left and is still refused does not hold up this boot', async () => {
  const spool = { dir: join(temporaryDir(), 'spool'), survives: true }
  await using server = await startReceiver(({ headers }) =>
    headers['speediso-boot'] === 'boot-0' ? 400 : 200,
  )
  const message = { kind: 'report', id: 'boot-0.report.1', host: 'h', bootId: 'boot-0' } as const
  await openSpool(spool).put({ ...message, type: 'application/json', body: '{}' }, server.url, 0)
  await using bench = await startDelivery(`speediso.report=${server.url}`, { spool })
  assert.is(await bench.delivery.deliver(reportOf()), 'accepted')
  assert.is(bench.delivery.state().report?.earlier, 1)
  server.behave = () => 200
  await server.until(() => server.took.length === 2)
  await until(() => bench.delivery.state().report?.earlier === 0)
  assert.equal(readdirSync(spool.dir), [])
})

test('a spool that cannot be written: the report stays in memory, and that is said', async () => {
  const file = join(temporaryDir(), 'file')
  writeFileSync(file, '')
  const spool = { dir: join(file, 'spool'), survives: true }
  await using server = await startReceiver(() => 500)
  await using bench = await startDelivery(`speediso.report=${server.url} ${SHORT}`, { spool })
  assert.is(await bench.delivery.deliver(reportOf()), 'spooled')
  assert.match(
    (await bench.said()).join('\n'),
    /the spool \S+ cannot be written \(ENOTDIR\); it is kept in memory/,
  )
  const waiting = bench.delivery.beforeAfter('reboot')
  await until(() => bench.delivery.state().held !== null)
  server.behave = () => 200
  assert.is(await waiting, true)
})

test.run()
