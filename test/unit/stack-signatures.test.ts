import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CommandError, ToolMissingError } from '../../src/errors.ts'
import { parseWipefs, probeDevice } from '../../src/system/block/stack/signatures.ts'
import type { Exec } from '../../src/system/exec.ts'

const GIB = 2 ** 30
const NOTHING = '{\n   "signatures": [\n\n   ]\n}\n'
const device = (gib: number) => ({ path: '/dev/sdx', sizeBytes: gib * GIB })

/** A device with blocks at some places; `wipefs` says what it is given. */
function fake(blocks: Record<number, string | Error>, wipefs: string | Error = NOTHING) {
  const read: number[] = []
  const exec: Exec = async (file, args) => {
    const place = Number(args.find((arg) => arg.startsWith('skip='))?.slice('skip='.length))
    if (file === 'dd') read.push(place)
    const answer = file === 'dd' ? (blocks[place] ?? '') : wipefs
    if (answer instanceof Error) throw answer
    return { stdout: answer, stderr: '', exitCode: 0 }
  }
  return { exec, read }
}

const readError = new CommandError('dd ended with exit code 1', {
  facts: { stderr: "dd: error reading '/dev/sdx': Input/output error" },
})

test('signatures as wipefs lists them; JSON null is left out', () => {
  const stdout = `{"signatures": [
    {"device":"sda", "offset":"0x200", "type":"gpt", "usage":"partition-table", "uuid":null, "label":null},
    {"device":"sda", "offset":"0x438", "type":"ext4", "usage":"filesystem", "uuid":"u-1", "label":"root"},
    {"device":"sda", "offset":"0xff6", "type":"swap", "usage":"odd", "uuid":"", "label":""}]}`
  assert.equal(parseWipefs(stdout), [
    { type: 'gpt', usage: 'partition-table', offset: 512 },
    { type: 'ext4', usage: 'filesystem', offset: 1080, label: 'root', uuid: 'u-1' },
    { type: 'swap', usage: 'other', offset: 4086 },
  ])
  assert.equal(parseWipefs(NOTHING), [])
  assert.equal(parseWipefs(''), [])
  assert.throws(() => parseWipefs('{"signatures": 3}'))
})

test('Ceph labels are looked for at each place that the device has, and both ends are read', async () => {
  const label = 'bluestore block device\n11111111-2222-3333-4444-555555555555\n'
  const { exec, read } = fake({ [100 * GIB]: label, [GIB]: `x${label}` })
  const probe = await probeDevice(exec, device(500))
  assert.equal(read, [0, GIB, 10 * GIB, 100 * GIB, 500 * GIB - 4096])
  assert.equal(probe, {
    state: 'read',
    signatures: [
      {
        type: 'ceph_bluestore',
        usage: 'other',
        offset: 100 * GIB,
        uuid: '11111111-2222-3333-4444-555555555555',
      },
    ],
  })
})

test('the first Ceph label is told once, as libblkid has it', async () => {
  const known =
    '{"signatures": [{"offset":"0x0", "type":"ceph_bluestore", "usage":"other", "uuid":null, "label":null}]}'
  const probe = await probeDevice(fake({ 0: 'bluestore block device\nx' }, known).exec, device(1))
  assert.equal(probe, { state: 'read', signatures: [{ type: 'ceph_bluestore', usage: 'other', offset: 0 }] })
})

test('read errors make a device silent, though wipefs then lists nothing and succeeds', async () => {
  for (const place of [0, 500 * GIB - 4096]) {
    const probe = await probeDevice(fake({ [place]: readError }).exec, device(500))
    assert.equal(probe, {
      state: 'silent',
      reason: `/dev/sdx gives a read error at byte ${place}`,
      signatures: [],
    })
  }
})

test('every other failure makes it unreadable, with the reason', async () => {
  const missing = new ToolMissingError('wipefs: not installed')
  const busy = new CommandError(
    'wipefs ended with exit code 1: probing initialization failed: No medium found',
  )
  const late = new CommandError('dd did not end within 30000 ms', { facts: { timedOut: true } })
  for (const [{ exec }, reason] of [
    [fake({}, missing), 'wipefs: not installed'],
    [fake({}, busy), 'No medium found'],
    [fake({ 0: late }), 'dd did not end within 30000 ms'],
    [fake({}, '{}'), 'wipefs gave no list of signatures for /dev/sdx'],
  ] as const) {
    const probe = await probeDevice(exec, device(1))
    assert.is(probe.state, 'unreadable')
    assert.match('reason' in probe ? probe.reason : '', reason)
  }
})

test('a program in uninterruptible sleep is left behind', async () => {
  const stuck: Exec = () => new Promise(() => {})
  const probe = await probeDevice(stuck, device(1), undefined, -6950)
  assert.is(probe.state, 'unreadable')
  assert.match('reason' in probe ? probe.reason : '', '/dev/sdx does not answer')
})

test('a cancelled probe is no finding', async () => {
  const stop = new AbortController()
  const stuck: Exec = () => new Promise(() => {})
  const probe = probeDevice(stuck, device(1), stop.signal)
  stop.abort(new Error('enough'))
  try {
    await probe
    assert.unreachable()
  } catch (error) {
    assert.is((error as Error).message, 'enough')
  }
})

test('a mistake in the program is no finding either', async () => {
  try {
    await probeDevice(fake({ 0: new TypeError('oops') }).exec, device(1))
    assert.unreachable()
  } catch (error) {
    assert.instance(error, TypeError)
  }
})

test.run()
