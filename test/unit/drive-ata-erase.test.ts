import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { attachToRunning, eraseByFirmware } from '../../src/system/drive/erase.ts'
import type { FirmwareMethod } from '../../src/system/drive/schema.ts'
import { type AtaBehaviour, createFakeAta, type FakeAta } from './helpers/drive-ata.ts'

const DISK = { name: 'sda', path: '/dev/sda' }

function erase(drive: FakeAta, method: FirmwareMethod) {
  return eraseByFirmware(method, { disks: [DISK], capabilities: drive.capabilities }, drive.world.deps)
}

function attach(drive: FakeAta, method: FirmwareMethod) {
  const capabilities = { ...drive.capabilities, sanitizeState: 'running' as const }
  return attachToRunning(method, { disks: [DISK], capabilities }, drive.world.deps)
}

const changing = /--sanitize-(?!status)|--security-/
const sent = ({ ran }: FakeAta) => ran.filter((line) => changing.test(line))

test('sanitize: each kind with its own command, and one pass of zeros to overwrite', async () => {
  const commands = {
    'ata-sanitize-crypto': '--sanitize-crypto-scramble',
    'ata-sanitize-block': '--sanitize-block-erase',
    'ata-sanitize-overwrite': '--sanitize-overwrite-passes 1 --sanitize-overwrite hex:00000000',
  } as const
  for (const [method, command] of Object.entries(commands)) {
    const drive = createFakeAta({ takes: 40_000 })
    const outcome = await erase(drive, method as FirmwareMethod)
    assert.is(outcome.state, 'done')
    assert.is(drive.erased, true)
    assert.equal(sent(drive), [`hdparm --yes-i-know-what-i-am-doing ${command} /dev/sda`])
    assert.is(outcome.evidence.seenRunning, true)
  }
})

test('sanitize refused: rejected, nothing touched', async () => {
  const drive = createFakeAta({ sanitizeRefused: 2 })
  const outcome = await erase(drive, 'ata-sanitize-block')
  assert.is(outcome.state, 'rejected')
  assert.match(outcome.reason ?? '', /Unsupported command/)
  assert.is(drive.erased, false)
})

test('sanitize: fails in the middle, or stands still', async () => {
  assert.is((await erase(createFakeAta({ sanitizeEnds: 'failed' }), 'ata-sanitize-block')).state, 'failed')
  const stuck = await erase(createFakeAta({ sanitizeEnds: 'stuck' }), 'ata-sanitize-block')
  assert.is(stuck.state, 'unknown')
  assert.match(stuck.reason ?? '', /no progress/)
})

test('sanitize: exit code 0 and nothing happened is not done', async () => {
  const drive = createFakeAta({ lies: true })
  assert.is((await erase(drive, 'ata-sanitize-block')).state, 'unknown')
  // Nor where an earlier one has completed.
  const again = createFakeAta({ lies: true })
  again.sanitize.completed = true
  const outcome = await erase(again, 'ata-sanitize-block')
  assert.is(outcome.state, 'unknown')
  assert.match(outcome.reason ?? '', /what it stated before/)
})

test('sanitize: where no registers come through, nothing is started', async () => {
  const drive = createFakeAta({ noRegisters: true })
  const outcome = await erase(drive, 'ata-sanitize-block')
  assert.is(outcome.state, 'rejected')
  assert.match(outcome.reason ?? '', /does not hand on/)
  assert.equal(sent(drive), [])
})

test('sanitize that runs already is waited for', async () => {
  const drive = createFakeAta({ takes: 60_000 })
  drive.sanitize = { state: 'running', completed: false }
  assert.is((await erase(drive, 'ata-sanitize-block')).state, 'rejected')
  assert.is((await attach(drive, 'ata-sanitize-block')).state, 'done')
  assert.equal(sent(drive), [])
  const failing = createFakeAta({ takes: 60_000, sanitizeEnds: 'failed' })
  failing.sanitize = { state: 'running', completed: false }
  assert.is((await attach(failing, 'ata-sanitize-block')).state, 'failed')
})

test('a sanitize that is no longer running and has not completed is not done', async () => {
  const drive = createFakeAta()
  assert.is((await attach(drive, 'ata-sanitize-block')).state, 'unknown')
})

test('frozen: rejected, or freed by a suspend to RAM where that is allowed', async () => {
  const methods = ['ata-security-erase', 'ata-sanitize-block'] as const
  const freeze = (drive: FakeAta) => {
    drive.security.frozen = true
    drive.sanitize.state = 'frozen'
    return drive
  }
  for (const method of methods) {
    const forbidden = freeze(createFakeAta({ thaws: true }))
    const outcome = await erase(forbidden, method)
    assert.is(outcome.state, 'rejected')
    assert.match(outcome.reason ?? '', /frozen/)
    assert.is(forbidden.suspends, 0)
    assert.equal(sent(forbidden), [])

    const allowed = freeze(createFakeAta({ thaws: true }, { suspendAllowed: true }))
    assert.is((await erase(allowed, method)).state, 'done')
    assert.is(allowed.suspends, 1)

    const stubborn = freeze(createFakeAta({}, { suspendAllowed: true }))
    assert.is((await erase(stubborn, method)).state, 'rejected')
    assert.is(stubborn.suspends, 1)
    assert.equal(sent(stubborn), [])
  }
})

test('security erase: the password is in the journal before it is on the drive, and gone at the end', async () => {
  const drive = createFakeAta({ takes: 60_000 })
  const states: unknown[] = []
  drive.world.deps.journal.passwordSet = async (set) => void states.push([set, drive.password])
  const outcome = await erase(drive, 'ata-security-erase-enhanced')
  assert.is(outcome.state, 'done')
  assert.is(drive.erased, true)
  assert.equal(states, [
    [true, undefined],
    [false, undefined],
  ])
  assert.equal(
    sent(drive).map((line) => line.replace('hdparm --user-master u ', '')),
    [
      '--security-mode h --security-set-pass speediso /dev/sda',
      '--security-erase-enhanced speediso /dev/sda',
    ],
  )
})

test('security erase that did not work: told apart by when, and the password is taken off', async () => {
  const cases: [AtaBehaviour, string][] = [
    [{ erase: 'prepare-refused' }, 'rejected'],
    [{ erase: 'refused' }, 'rejected'],
    [{ erase: 'fails', takes: 600_000 }, 'failed'],
    [{ erase: 'hangs', takes: 960_000 }, 'unknown'],
    [{ lies: true }, 'failed'],
  ]
  for (const [behaviour, state] of cases) {
    const drive = createFakeAta(behaviour)
    const outcome = await erase(drive, 'ata-security-erase')
    assert.is(outcome.state, state, JSON.stringify(behaviour))
    assert.is(drive.erased, false)
    assert.is(drive.password, undefined)
    assert.equal(drive.world.journal, [true, false])
    assert.not.ok('passwordLeft' in outcome.evidence)
  }
})

test('a password that cannot be taken off is told, and stays in the journal', async () => {
  const drive = createFakeAta({ erase: 'fails', takes: 600_000, disableRefused: true })
  const outcome = await erase(drive, 'ata-security-erase')
  assert.is(outcome.state, 'failed')
  assert.is(outcome.evidence.passwordLeft, 'speediso')
  assert.match(outcome.reason ?? '', /its password is speediso/)
  assert.equal(drive.world.journal, [true])
  assert.ok(drive.world.log.some((line) => line.startsWith('error: ')))
})

test('a password that the drive does not take ends it before the erase', async () => {
  for (const setPassword of ['refused', 'ignored'] as const) {
    const drive = createFakeAta({ setPassword })
    assert.is((await erase(drive, 'ata-security-erase')).state, 'rejected')
    assert.not.ok(sent(drive).some((line) => line.includes('--security-erase')))
    assert.equal(drive.world.journal, [true, false])
  }
})

test('locked by an erase that was interrupted: unlocked with the known password, then erased', async () => {
  const drive = createFakeAta()
  drive.password = 'speediso'
  drive.security.locked = true
  const outcome = await erase(drive, 'ata-security-erase')
  assert.is(outcome.state, 'done')
  assert.is(drive.erased, true)
  assert.is(drive.password, undefined)
  assert.equal(drive.world.journal, [false, true, false])
})

test('locked so that only another erase is taken', async () => {
  const drive = createFakeAta({ disableRefused: true })
  drive.password = 'speediso'
  drive.security.locked = true
  assert.is((await erase(drive, 'ata-security-erase')).state, 'done')
})

test("somebody else's password: rejected, few attempts used, and none of ours claimed", async () => {
  const drive = createFakeAta()
  drive.password = 'theirs'
  drive.security.locked = true
  const outcome = await erase(drive, 'ata-security-erase')
  assert.is(outcome.state, 'rejected')
  assert.is(drive.password, 'theirs')
  assert.ok(drive.security.attempts < 4)
  assert.not.match(outcome.reason ?? '', /speediso/)
  assert.not.ok('passwordLeft' in outcome.evidence)
})

test('attempts used up: rejected before another one', async () => {
  const drive = createFakeAta()
  drive.password = 'theirs'
  drive.security.attempts = 5
  assert.is((await erase(drive, 'ata-security-erase')).state, 'rejected')
  assert.equal(sent(drive), [])
})

test('cancelled during a security erase: unknown, with the password that the drive has', async () => {
  const drive = createFakeAta({ erase: 'hangs' })
  const { exec } = drive.world.deps
  drive.world.deps.exec = async (file, args, options) => {
    if (args.includes('--security-erase')) drive.world.cancel.abort()
    return exec(file, args, options)
  }
  const outcome = await erase(drive, 'ata-security-erase')
  assert.is(outcome.state, 'unknown')
  assert.is(outcome.evidence.passwordLeft, 'speediso')
  assert.equal(drive.world.journal, [true])
})

test('nothing is sent through USB', async () => {
  for (const method of ['ata-security-erase', 'ata-sanitize-block'] as const) {
    const drive = createFakeAta()
    const place = '../devices/pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.0/host6/target6:0:0/6:0:0:0/block/sda'
    drive.root.put('/sys/block/sda', { link: place })
    const outcome = await erase(drive, method)
    assert.is(outcome.state, 'rejected')
    assert.match(outcome.reason ?? '', /USB/)
    assert.equal(drive.ran, [])
  }
})

test.run()
