import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { targetOf } from '../../src/runtime/deliver/earlier.ts'
import type { Message } from '../../src/runtime/deliver/message.ts'
import { chooseSpool, openSpool } from '../../src/runtime/deliver/spool.ts'
import { startDelivery, startReceiver } from './helpers/deliver.ts'
import { createMemoryRoot } from './helpers/memory-root.ts'
import { temporaryDir } from './helpers/temporary.ts'

const base = temporaryDir()
const messageOf = (boot: string): Message => ({
  kind: 'report',
  id: `${boot}.report.1`,
  host: 'host-1',
  bootId: boot,
  type: 'application/json',
  body: `{"of":"${boot}"}`,
})
const nothingDamaged = (text: string) => assert.unreachable(text)

test('a boot that was killed while it tried: the next process sends what it had to say', async () => {
  const dir = join(base, 'killed')
  await using server = await startReceiver(() => 500)
  const program = join(import.meta.dirname, 'helpers/deliver-until-killed.ts')
  const child = spawn(process.execPath, [program, server.url, dir], {
    stdio: ['ignore', 'inherit', 'inherit'],
    // It cannot take away its own folder when it is killed.
    env: { ...process.env, TMPDIR: base },
  })
  await server.until(() => server.got.length >= 2)
  child.kill('SIGKILL')
  await once(child, 'close')
  assert.equal(readdirSync(dir), ['boot-1.report.1.json'])
  assert.not.match(readFileSync(join(dir, 'boot-1.report.1.json'), 'utf8'), 'secret-token')
  server.behave = () => 200
  const spool = { dir, survives: true }
  await using next = await startDelivery(`speediso.report=${server.url}`, { spool, bootId: 'boot-2' })
  await server.until(() => server.took.length === 1)
  assert.match(String(server.got.at(-1)?.body), 'of the boot that was killed')
  assert.is(next.delivery.state().report?.url, server.url)
})

test('entries are private to root, hold no credentials, and come oldest first', async () => {
  const spool = openSpool({ dir: join(base, 'order', 'deep'), survives: true })
  await spool.put(messageOf('boot-b'), 'https://user:pass@h/x', 2000)
  await spool.put(messageOf('boot-a'), 'https://user:pass@h/x', 3000)
  await spool.put(messageOf('boot-c'), 'https://user:pass@h/x', 1000)
  const files = readdirSync(spool.dir)
  assert.is(files.length, 3, 'no file of a write in between is left')
  for (const name of files) {
    assert.is(statSync(join(spool.dir, name)).mode & 0o777, 0o600)
    assert.not.match(readFileSync(join(spool.dir, name), 'utf8'), 'pass')
  }
  const left = await spool.earlier('boot-now', nothingDamaged)
  assert.equal(
    left.map(({ message }) => message.bootId),
    ['boot-c', 'boot-b', 'boot-a'],
  )
  assert.equal(left[0]?.message, messageOf('boot-c'))
  assert.equal(
    (await spool.earlier('boot-a', nothingDamaged)).length,
    2,
    'its own is none of an earlier boot',
  )
  await spool.remove('boot-a.report.1')
  assert.is(readdirSync(spool.dir).length, 2)
})

test('an entry that is damaged is set aside and keeps none of the others back', async () => {
  const spool = openSpool({ dir: join(base, 'damaged'), survives: true })
  await spool.put(messageOf('boot-a'), 'http://h/', 1000)
  writeFileSync(join(spool.dir, 'cut.json'), '{"schema":"speediso.spoo')
  const told: string[] = []
  const left = await spool.earlier(null, (text) => told.push(text))
  assert.is(left.length, 1)
  assert.is(told.length, 1)
  assert.equal(readdirSync(spool.dir), ['boot-a.report.1.json', 'cut.json.damaged'])
})

test('an id never leads out of the spool', async () => {
  const spool = openSpool({ dir: join(base, 'ids'), survives: true })
  await spool.put({ ...messageOf('x'), id: '../../outside/..' }, 'http://h/', 1000)
  assert.equal(readdirSync(spool.dir), ['.._.._outside_...json'])
})

test('the spool does not grow for ever: the oldest go', async () => {
  const spool = openSpool({ dir: join(base, 'many'), survives: true })
  for (let i = 0; i < 104; i += 1) await spool.put(messageOf(`boot-${i}`), 'http://h/', i)
  const left = await spool.earlier(null, nothingDamaged)
  assert.is(left.length, 100)
  assert.is(left[0]?.message.bootId, 'boot-4')
  assert.is(readdirSync(spool.dir).length, 100)
})

const mount = (point: string, options = 'rw', type = 'ext4') =>
  `36 25 8:2 / ${point} ${options},relatime shared:1 - ${type} /dev/sda2 rw\n`
const rootWith = (mounts: string) => {
  const root = createMemoryRoot('/r')
  root.put('/proc/self/mountinfo', mount('/') + mounts)
  return root
}

for (const [what, mounts, survives] of [
  ['mounted', mount('/hostpart'), true],
  ['not mounted', '', false],
  ['something below it is mounted', mount('/hostpart/data'), false],
  ['read only', mount('/hostpart', 'ro'), false],
  ['memory', mount('/hostpart', 'rw', 'tmpfs'), false],
  ['covered by a read only mount', mount('/hostpart') + mount('/hostpart', 'ro'), false],
] as const) {
  test(`the spool is on hostpart only when that keeps it: ${what}`, async () => {
    const dir = survives ? '/r/hostpart/data/speediso/spool' : '/run/speediso/spool'
    assert.equal(await chooseSpool(rootWith(mounts), '/run/speediso'), { dir, survives })
  })
}

test('no procfs: the spool is in memory', async () => {
  assert.is((await chooseSpool(createMemoryRoot('/r'), '/run/speediso')).survives, false)
})

test('the secrets of the job go to its own server alone', () => {
  const target = { url: 'https://u:p@own/new', token: 't', hmac_key: 'k' }
  assert.equal(targetOf('https://***@own/old', target), { ...target, url: 'https://u:p@own/old' })
  const query = { ...target, url: 'https://own/new?token=right&x=1' }
  assert.is(targetOf('https://own/old?x=2&token=***', query).url, 'https://own/old?x=2&token=right')
  for (const other of ['https://other/old', 'http://own/old', 'https://own:8443/old', 'nonsense']) {
    assert.equal(targetOf(other, target), { url: other, token: null, hmac_key: null })
  }
})

test('a folder that is there already is used as it is', async () => {
  const dir = join(base, 'there')
  mkdirSync(dir)
  await openSpool({ dir, survives: false }).put(messageOf('a'), 'http://h/', 0)
  assert.equal(readdirSync(dir), ['a.report.1.json'])
})

test.run()
