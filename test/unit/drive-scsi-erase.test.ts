import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { attachToRunning, eraseByFirmware } from '../../src/system/drive/erase.ts'
import type { FirmwareMethod, ScsiCapabilities } from '../../src/system/drive/schema.ts'
import { parseHex, parseSense, stateOf } from '../../src/system/drive/scsi/sense.ts'
import { createFakeScsi, type FakeScsi } from './helpers/drive-scsi.ts'

const DISK = { name: 'sda', path: '/dev/sda' }

function erase(drive: FakeScsi, method: FirmwareMethod) {
  return eraseByFirmware(method, { disks: [DISK], capabilities: drive.capabilities }, drive.world.deps)
}

function attach(drive: FakeScsi, method: FirmwareMethod, running: ScsiCapabilities['running']) {
  const capabilities = { ...drive.capabilities, running }
  return attachToRunning(method, { disks: [DISK], capabilities }, drive.world.deps)
}

const sent = ({ ran }: FakeScsi) => ran.filter((line) => /^sg_(sanitize|format) /.test(line))

test('each method with its own command, watched until the drive is ready again', async () => {
  const commands = {
    'scsi-sanitize-crypto': 'sg_sanitize --crypto --early --quick /dev/sda',
    'scsi-sanitize-block': 'sg_sanitize --block --early --quick /dev/sda',
    'scsi-sanitize-overwrite': 'sg_sanitize --overwrite --zero --count=1 --early --quick /dev/sda',
    'scsi-format': 'sg_format --format --early --quick /dev/sda',
  } as const
  for (const [method, command] of Object.entries(commands)) {
    for (const descriptor of [false, true]) {
      const drive = createFakeScsi({ takes: 90_000, descriptor })
      const outcome = await erase(drive, method as FirmwareMethod)
      assert.is(outcome.state, 'done')
      assert.is(drive.erased, true)
      assert.equal(sent(drive), [command])
      assert.match(String(outcome.evidence.proof), /ready again/)
      assert.ok(drive.world.shown.filter((percent) => percent !== null).length > 10)
    }
  }
})

test('GOOD of a drive that does nothing is not done', async () => {
  for (const method of ['scsi-format', 'scsi-sanitize-crypto'] as const) {
    const drive = createFakeScsi({ lies: true })
    const outcome = await erase(drive, method)
    assert.is(outcome.state, 'unknown')
    assert.match(outcome.reason ?? '', /never seen at work/)
    assert.is(drive.erased, false)
  }
})

test('refused: rejected, nothing touched', async () => {
  for (const refuses of [5, 7, 9]) {
    const drive = createFakeScsi({ refuses })
    assert.is((await erase(drive, 'scsi-sanitize-block')).state, 'rejected')
    assert.is(drive.erased, false)
  }
})

test('fails in the middle, stands still', async () => {
  assert.is((await erase(createFakeScsi({ ends: 'failed' }), 'scsi-sanitize-block')).state, 'failed')
  assert.is((await erase(createFakeScsi({ ends: 'failed' }), 'scsi-format')).state, 'failed')
  const stuck = await erase(createFakeScsi({ ends: 'stuck' }), 'scsi-sanitize-block')
  assert.is(stuck.state, 'unknown')
  assert.match(stuck.reason ?? '', /no progress/)
})

test('a drive that states no progress is given longer than the stall limit', async () => {
  const drive = createFakeScsi({ takes: 40 * 3_600_000, withoutProgress: true })
  assert.is((await erase(drive, 'scsi-sanitize-overwrite')).state, 'done')
  const stuck = createFakeScsi({ ends: 'stuck', withoutProgress: true })
  assert.is((await erase(stuck, 'scsi-sanitize-overwrite')).state, 'unknown')
})

test('an earlier failure is told from one of this erase', async () => {
  const ending = createFakeScsi({ takes: 10_000 })
  ending.failed = 'sanitize'
  assert.is((await erase(ending, 'scsi-sanitize-block')).state, 'done')
  const refusing = createFakeScsi({ refuses: 5 })
  refusing.failed = 'sanitize'
  assert.is((await erase(refusing, 'scsi-sanitize-block')).state, 'rejected')
})

test('format: odd sectors become ordinary ones, and that is proof even of a format that nobody saw', async () => {
  const sizes = { 520: 512, 528: 512, 4160: 4096, 4224: 4096 }
  for (const [from, to] of Object.entries(sizes)) {
    const drive = createFakeScsi({ takes: 0 }, Number(from))
    assert.is((await erase(drive, 'scsi-format')).state, 'done')
    assert.equal(sent(drive), [`sg_format --format --size=${to} --early --quick /dev/sda`])
    assert.is(drive.logicalBytes, to)
  }
  const same = createFakeScsi({}, 4096)
  await erase(same, 'scsi-format')
  assert.equal(sent(same), ['sg_format --format --early --quick /dev/sda'])
})

test('format: sectors that stay as they were are not done', async () => {
  const drive = createFakeScsi({ keepsLength: true }, 520)
  assert.is((await erase(drive, 'scsi-format')).state, 'failed')
  const lying = createFakeScsi({ lies: true }, 520)
  assert.is((await erase(lying, 'scsi-format')).state, 'unknown')
})

test('an erase that runs already is waited for; none is started', async () => {
  for (const running of ['sanitize', 'format'] as const) {
    const method = running === 'format' ? 'scsi-format' : 'scsi-sanitize-block'
    const drive = createFakeScsi({ takes: 60_000 })
    drive.busy = running
    assert.is((await erase(drive, method)).state, 'rejected')
    assert.is((await attach(drive, method, running)).state, 'done')
    const failing = createFakeScsi({ takes: 60_000, ends: 'failed' })
    failing.busy = running
    assert.is((await attach(failing, method, running)).state, 'failed')
    assert.equal([...sent(drive), ...sent(failing)], [])
  }
})

test('a format that ran does not count as a sanitize', async () => {
  const drive = createFakeScsi()
  drive.busy = 'format'
  const outcome = await attach(drive, 'scsi-sanitize-block', 'format')
  assert.is(outcome.state, 'unknown')
  assert.match(outcome.reason ?? '', /scsi-format, not scsi-sanitize-block/)
})

test('sense data: only whole and known forms are taken', () => {
  const parse = (text: string) => {
    const bytes = parseHex(text)
    return bytes && parseSense(bytes)
  }
  assert.equal(parse(' 00     70 00 02 00 00 00 00 0a  00 00 00 00 04 1b 00 80\n 10     40 00\n'), {
    key: 2,
    asc: 4,
    ascq: 0x1b,
    progress: 0x4000,
  })
  // Another progress indication descriptor (0Ah).
  const other = parse(' 00     72 00 00 16 00 00 00 08  0a 06 02 04 1b 00 20 00\n')
  assert.is(other?.progress, 0x2000)
  for (const text of ['', 'device not ready\n', ' 00     7f 00\n', ' 00     70 00 02\n', ' 10     70 00\n']) {
    assert.is(parse(text), undefined, JSON.stringify(text))
  }
  assert.is(stateOf({ key: 2, asc: 4, ascq: 1, progress: null }), 'other')
  assert.is(stateOf({ key: 0, asc: 0, ascq: 0, progress: null }), 'ready')
  assert.is(stateOf({ key: 3, asc: 0x31, ascq: 0, progress: null }), 'format-failed')
})

test.run()
