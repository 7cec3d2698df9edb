import { createHmac } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { followFleet } from '../../src/live/nats/follow.ts'
import { createExec } from '../../src/system/exec.ts'
import { startReceiver } from '../unit/helpers/deliver.ts'
import { natsServer } from '../unit/helpers/nats-server.ts'
import { MINUTE, netboot, readJob, speedisoLog } from './guest.ts'
import { createSshKey, harnessDeps } from './harness/index.ts'

const deps = harnessDeps({ log: (line) => process.stderr.write(`${line}\n`) })
const dir = mkdtempSync(join(tmpdir(), 'speediso-outcome-'))
const key = await createSshKey(dir, createExec())
test.after(() => rmSync(dir, { recursive: true }))

const UUID = '53504545-4449-534f-8000-00000000abcd'
const HMAC_KEY = 'key-of-the-job-file'
/** This machine, as a guest sees it. */
const HERE = '10.0.2.2'

test('job by file; journal; report refused, then accepted; only then power off; the fleet has all of it', async () => {
  await using nats = await natsServer()
  await nats.start()
  let refuse = true
  await using receiver = await startReceiver(({ headers }) =>
    refuse && headers['speediso-kind'] === 'report' ? 500 : 200,
  )
  const port = (url: string) => URL.parse(url)?.port
  const asked: string[] = []
  const jobs = createServer((request, response) => {
    // Its date is asked for as well, to judge the clock.
    if (request.url === '/') return void response.end()
    asked.push(request.url ?? '')
    // The first answer is a failure: the host has to come back.
    if (asked.length === 1) response.writeHead(503).end()
    else
      response.end(
        JSON.stringify({
          tasks: ['inventory'],
          after: 'poweroff',
          inventory: { sections: 'system,cpu' },
          report: { url: `http://${HERE}:${port(receiver.url)}/hosts`, hmac_key: HMAC_KEY },
          nats: `nats://${HERE}:${nats.host.split(':')[1]}`,
          ssh: { keys: key.publicKey },
        }),
      )
  })
  await new Promise<void>((resolve) => jobs.listen(0, '127.0.0.1', resolve))
  using _ = {
    [Symbol.dispose]() {
      jobs.closeAllConnections()
      jobs.close()
    },
  }
  const jobUrl = `http://${HERE}:${(jobs.address() as AddressInfo).port}/jobs/\${uuid}.json`
  await using booted = await netboot(
    { ask: `speediso.job=${jobUrl}`, smbios: { system: { uuid: UUID, serial: 'SYS-OUT' } } },
    deps,
  )
  const { machine } = booted
  const events = await readJob(await speedisoLog(machine))
  assert.equal(asked, [`/jobs/${UUID}.json`, `/jobs/${UUID}.json`])
  assert.ok(events.some((event) => event.kind === 'log' && /answers 503; trying for 10m/.test(event.message)))
  const end = events.at(-1)
  assert.ok(end?.kind === 'job.end')
  assert.is(end.verdict, 'passed', end.reason)
  assert.is(end.after, 'poweroff')

  // The report is refused: the machine stays up, tells so, and can be looked at.
  await receiver.until(
    () => receiver.got.filter(({ headers }) => headers['speediso-kind'] === 'report').length > 1,
  )
  await machine.waitForSsh({ limit: MINUTE })
  const run = async (...command: string[]) => (await machine.ssh(command, key, { okExitCodes: [3] })).stdout
  const entries = (await run('journalctl', 'SPEEDISO_TASK=inventory', 'SPEEDISO_KIND=task.end', '-o', 'json'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, string>)
  assert.is(entries.length, 1)
  assert.equal(
    [entries[0]?.SPEEDISO_VERDICT, entries[0]?.SYSLOG_IDENTIFIER, entries[0]?.PRIORITY],
    ['passed', 'speediso', '5'],
  )
  assert.match(await run('speediso', 'status'), 'PASSED')
  assert.match(await run('cat', '/run/motd.d/10-speediso'), 'Job inventory: PASSED')
  assert.ok(!machine.events.some(({ event }) => event === 'SHUTDOWN'))

  refuse = false
  const ended = await machine.waitForEnd({ limit: 4 * MINUTE })
  assert.equal([ended.how, ended.reason], ['guest', 'guest-shutdown'])
  // What was told is in the order of what happened.
  const told = receiver.took.filter((name) => !name.startsWith('heartbeat'))
  assert.equal(told, ['job-started', 'task-started inventory', 'report', 'about-to-power-off'])
  for (const { headers, body } of receiver.got) {
    const signed = createHmac('sha256', HMAC_KEY).update(`${headers['speediso-timestamp']}.`).update(body)
    assert.is(headers['speediso-signature'], `sha256=${signed.digest('hex')}`)
    assert.is(headers['speediso-host'], UUID)
  }

  const stored: number[] = []
  let last: string | undefined
  const fleet = followFleet({ url: `nats://${nats.host}`, host: UUID, signal: AbortSignal.timeout(MINUTE) })
  for await (const { event } of fleet) {
    stored.push(event.seq)
    last = event.kind
    if (event.kind === 'job.end') break
  }
  assert.is(last, 'job.end')
  assert.equal(
    stored,
    events.map(({ seq }) => seq),
  )
})

test.run()
