import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { sign } from '../../src/runtime/deliver/sign.ts'
import { jobOf, reportOf, startDelivery, startReceiver } from './helpers/deliver.ts'

const KEY = 'correct horse battery'
const page = readFileSync(join(import.meta.dirname, '../../docs/reporting.md'), 'utf8')
const block = (language: string) => new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(page)?.[1] ?? ''

/** The example that people copy. */
const { verify } = (await import(`data:text/javascript,${encodeURIComponent(block('js'))}`)) as {
  verify(key: string, headers: IncomingHttpHeaders, body: Buffer, now?: number): boolean
}

test('the example of the documentation accepts what is posted, whatever kind it is', async () => {
  await using server = await startReceiver()
  const report = { url: server.url, token: null, hmac_key: KEY, wait: 1000 }
  await using bench = await startDelivery('', { job: { ...jobOf(''), report }, pace: { heartbeat: 20 } })
  await bench.delivery.deliver(reportOf({ verdict: 'failed', reason: 'ünïcode ✓' }))
  await bench.delivery.beforeAfter('reboot')
  const kinds = () => new Set(server.got.map(({ headers }) => headers['speediso-kind']))
  await server.until(() => kinds().size === 4)
  for (const { headers, body } of server.got) assert.ok(verify(KEY, headers, body))
})

test('negative control: it refuses another key, another body, another time, an old message and no signature', () => {
  const body = Buffer.from('{"verdict":"failed"}')
  const now = 1_767_225_600_000
  const headers = { 'speediso-timestamp': '1767225600', 'speediso-signature': sign(KEY, 1_767_225_600, body) }
  assert.is(verify(KEY, headers, body, now), true)
  assert.is(verify(`${KEY}!`, headers, body, now), false)
  assert.is(verify(KEY, headers, Buffer.from('{"verdict":"passed"}'), now), false)
  assert.is(verify(KEY, { ...headers, 'speediso-timestamp': '1767225601' }, body, now), false)
  assert.is(verify(KEY, headers, body, now + 301_000), false)
  assert.is(verify(KEY, headers, body, now - 301_000), false)
  assert.is(verify(KEY, {}, body, now), false)
  assert.is(verify(KEY, { 'speediso-timestamp': '1767225600' }, body, now), false)
})

test('the line for openssl gives what it says it gives, and what we sign', () => {
  const [command = '', comment = ''] = block('sh').trim().split('\n')
  const said = execFileSync('sh', ['-c', command], { encoding: 'utf8' }).trim()
  assert.is(`# ${said}`, comment)
  assert.is(sign(KEY, 1_767_225_600, '{"schema":"speediso.notice/1"}'), `sha256=${said.split(' ')[0]}`)
})

test.run()
