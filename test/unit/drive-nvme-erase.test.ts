import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { attachToRunning, eraseByFirmware } from '../../src/system/drive/erase.ts'
import type { FirmwareMethod, NvmeCapabilities } from '../../src/system/drive/schema.ts'
import { createFakeNvme, type FakeNvme, plugIn } from './helpers/drive-nvme.ts'

const DISK = { name: 'nvme0n1', path: '/dev/nvme0n1' }

function erase(drive: FakeNvme, method: FirmwareMethod, disks = [DISK]) {
  return eraseByFirmware(method, { disks, capabilities: drive.capabilities }, drive.world.deps)
}

function attach(drive: FakeNvme, method: FirmwareMethod) {
  return attachToRunning(method, { disks: [DISK], capabilities: drive.capabilities }, drive.world.deps)
}

const sent = ({ ran }: FakeNvme, command: string) => ran.filter((line) => line.startsWith(`nvme ${command} `))
const isErased = ({ namespaces }: FakeNvme) => [...namespaces.values()].map(({ erased }) => erased)

test('sanitize: started once, watched until the log says that it has completed', async () => {
  const drive = createFakeNvme({ takes: 90_000 })
  const outcome = await erase(drive, 'nvme-sanitize-crypto')
  assert.is(outcome.state, 'done')
  assert.equal(sent(drive, 'sanitize'), ['nvme sanitize /dev/nvme0 --sanact=4'])
  assert.equal(isErased(drive), [true])
  assert.match(String(outcome.evidence.last), /SSTAT 1 \(completed\)/)
  assert.is(outcome.evidence.seenRunning, true)
  const percents = drive.world.shown.filter((percent) => percent !== null)
  assert.ok(percents.length > 10 && percents.every((percent, at) => percent >= (percents[at - 1] ?? 0)))
  assert.is(drive.world.log.filter((line) => line.includes('running')).length, 1)
})

test('overwrite: one pass, and block erase with its own action', async () => {
  const overwrite = createFakeNvme()
  assert.is((await erase(overwrite, 'nvme-sanitize-overwrite')).state, 'done')
  assert.equal(sent(overwrite, 'sanitize'), ['nvme sanitize /dev/nvme0 --sanact=3 --owpass=1 --ovrpat=0'])
  const block = createFakeNvme()
  assert.is((await erase(block, 'nvme-sanitize-block')).state, 'done')
  assert.equal(sent(block, 'sanitize'), ['nvme sanitize /dev/nvme0 --sanact=2'])
})

test('an erase that is over before the first look is known by what has changed in the log', async () => {
  const drive = createFakeNvme({ takes: 0 })
  const outcome = await erase(drive, 'nvme-sanitize-crypto')
  assert.is(outcome.state, 'done')
  assert.is(outcome.evidence.seenRunning, false)
})

test('completed before, and after: the same words are no proof', async () => {
  const drive = createFakeNvme({ lies: true })
  Object.assign(drive.log, { status: 1, cdw10: 4, globalErased: 0 })
  const outcome = await erase(drive, 'nvme-sanitize-crypto')
  assert.is(outcome.state, 'unknown')
  assert.match(outcome.reason ?? '', /as it was before/)
  assert.equal(isErased(drive), [false])
})

test('completed before, written to, and completed again: the drive says that nothing was written since', async () => {
  const drive = createFakeNvme({ takes: 0 })
  Object.assign(drive.log, { status: 1, cdw10: 4, globalErased: 0 })
  assert.is((await erase(drive, 'nvme-sanitize-crypto')).state, 'done')
})

test('exit code 0 and nothing happened is not done', async () => {
  const drive = createFakeNvme({ lies: true })
  const outcome = await erase(drive, 'nvme-sanitize-block')
  assert.is(outcome.state, 'unknown')
  assert.equal(isErased(drive), [false])
})

test('refused: rejected with the status of the drive, nothing touched', async () => {
  const drive = createFakeNvme({ sanitizeStatus: '0x4002' })
  const outcome = await erase(drive, 'nvme-sanitize-crypto')
  assert.is(outcome.state, 'rejected')
  assert.match(outcome.reason ?? '', /Invalid Field in Command/)
  assert.equal(isErased(drive), [false])
})

test('an end of another operation is not the end of this one', async () => {
  const drive = createFakeNvme({ sanitizeStatus: '0x4002' })
  const { exec } = drive.world.deps
  // Somebody else begins a block erase in the same moment.
  drive.world.deps.exec = async (file, args, options) => {
    if (args[0] === 'sanitize') Object.assign(drive.log, { status: 1, cdw10: 2, globalErased: 1 })
    return exec(file, args, options)
  }
  assert.is((await erase(drive, 'nvme-sanitize-crypto')).state, 'unknown')
})

test('failed in the middle', async () => {
  const drive = createFakeNvme({ takes: 30_000, sanitizeEnds: 'failed' })
  const outcome = await erase(drive, 'nvme-sanitize-block')
  assert.is(outcome.state, 'failed')
  assert.match(outcome.reason ?? '', /SSTAT 3/)
})

test('progress that does not move ends as unknown after the stall limit', async () => {
  const drive = createFakeNvme({ takes: 60_000, sanitizeEnds: 'stuck' })
  const outcome = await erase(drive, 'nvme-sanitize-block')
  assert.is(outcome.state, 'unknown')
  assert.match(outcome.reason ?? '', /no progress for \d+ s: SSTAT 2 \(running\), SPROG 655/)
})

test('a log that cannot be read any more ends as unknown', async () => {
  const drive = createFakeNvme({ takes: 120_000, silentFrom: 30_000 })
  const outcome = await erase(drive, 'nvme-sanitize-block')
  assert.is(outcome.state, 'unknown')
  assert.match(outcome.reason ?? '', /no answer that can be read/)
})

test('without a log that can be read, nothing is started', async () => {
  const drive = createFakeNvme({ silentFrom: 0 })
  const outcome = await erase(drive, 'nvme-sanitize-block')
  assert.is(outcome.state, 'rejected')
  assert.equal(sent(drive, 'sanitize'), [])
})

test('cancelled in the middle: unknown, as the drive goes on', async () => {
  const drive = createFakeNvme({ takes: 600_000 })
  const { sleep } = drive.world.deps
  drive.world.deps.sleep = async (ms, signal) => {
    if (drive.world.now() > 5_000) drive.world.cancel.abort()
    return sleep(ms, signal)
  }
  const outcome = await erase(drive, 'nvme-sanitize-block')
  assert.is(outcome.state, 'unknown')
  assert.match(outcome.reason ?? '', /cancelled/)
})

test('a sanitize that runs already is waited for, and none is started', async () => {
  const drive = createFakeNvme({ takes: 60_000 }, { sanitizeState: 'running' })
  assert.is((await erase(drive, 'nvme-sanitize-block')).state, 'rejected')
  const outcome = await attach(drive, 'nvme-sanitize-crypto')
  assert.is(outcome.state, 'done')
  assert.is(outcome.method, 'nvme-sanitize-block') // what the log says that it was
  assert.equal(sent(drive, 'sanitize'), [])
})

test('a sanitize that runs already and fails, or does not move', async () => {
  const failing = createFakeNvme({ takes: 60_000, sanitizeEnds: 'failed' }, { sanitizeState: 'running' })
  assert.is((await attach(failing, 'nvme-sanitize-block')).state, 'failed')
  const stuck = createFakeNvme({ takes: 60_000, sanitizeEnds: 'stuck' }, { sanitizeState: 'running' })
  assert.is((await attach(stuck, 'nvme-sanitize-block')).state, 'unknown')
})

test('nothing ran: there is nothing to attach to', async () => {
  const drive = createFakeNvme()
  assert.is((await attach(drive, 'nvme-sanitize-block')).state, 'rejected')
  assert.equal(drive.ran, [])
})

test('what ran was a sanitize: it does not count as a format', async () => {
  const drive = createFakeNvme({ takes: 1000 }, { sanitizeState: 'running' })
  assert.is((await attach(drive, 'nvme-format-crypto')).state, 'unknown')
})

const TWO: NvmeCapabilities['namespaces'] = [
  { nsid: 1, attached: true, path: '/dev/nvme0n2', sizeBytes: 2 ** 30, lbaFormat: 0 },
  { nsid: 2, attached: true, path: '/dev/nvme0n1', sizeBytes: 2 ** 28, lbaFormat: 1 },
]
const DETACHED = { nsid: 3, attached: false, path: null, sizeBytes: 2 ** 30, lbaFormat: 0 }
const BOTH = [DISK, { name: 'nvme0n2', path: '/dev/nvme0n2' }]

test('an erase of all namespaces needs all disks of the drive named', async () => {
  for (const method of ['nvme-sanitize-crypto', 'nvme-sanitize-block'] as const) {
    const drive = createFakeNvme({}, { namespaces: TWO })
    const outcome = await erase(drive, method)
    assert.is(outcome.state, 'rejected')
    assert.match(outcome.reason ?? '', /nvme0n2/)
    assert.equal(drive.ran, [])
    assert.is((await erase(createFakeNvme({}, { namespaces: TWO }), method, BOTH)).state, 'done')
  }
})

test('format: each namespace with the LBA format in use, and the one that is attached nowhere too', async () => {
  const drive = createFakeNvme({}, { namespaces: [...TWO, DETACHED] })
  const outcome = await erase(drive, 'nvme-format-crypto', BOTH)
  assert.is(outcome.state, 'done')
  assert.equal(isErased(drive), [true, true, true])
  const settings = sent(drive, 'format').map((line) =>
    /-id=(\d) --ses=(\d) --lbaf=(\d) --force/.exec(line)?.slice(1),
  )
  assert.equal(settings, [
    ['1', '2', '0'],
    ['2', '2', '1'],
    ['3', '2', '0'],
  ])
  assert.equal(sent(drive, 'attach-ns'), ['nvme attach-ns /dev/nvme0 --namespace-id=3'])
})

test('format: a namespace that cannot be attached stops it before anything is erased', async () => {
  const drive = createFakeNvme({ attachStatus: '0x4002' }, { namespaces: [...TWO, DETACHED] })
  const outcome = await erase(drive, 'nvme-format-user-data', BOTH)
  assert.is(outcome.state, 'rejected')
  assert.match(outcome.reason ?? '', /namespace 3/)
  assert.equal(isErased(drive), [false, false, false])
})

test('format of one disk of a drive leaves the others alone, and says so', async () => {
  const drive = createFakeNvme({}, { namespaces: [...TWO, DETACHED] })
  const outcome = await erase(drive, 'nvme-format-user-data')
  assert.is(outcome.state, 'done')
  assert.equal(isErased(drive), [false, true, false])
  assert.equal(outcome.evidence.otherNamespaces, [1, 3])
})

test('a disk that is no namespace of the drive: the sanitize would erase another', async () => {
  const other = { name: 'nvme0n2', path: '/dev/nvme0n2' }
  const drive = createFakeNvme()
  plugIn(drive.root, '/sys/block/nvme0n2', '/devices/pci0000:00/nvme/nvme0', drive.capabilities.subsystem)
  const outcome = await erase(drive, 'nvme-sanitize-block', [DISK, other])
  assert.is(outcome.state, 'rejected')
  assert.match(outcome.reason ?? '', '/dev/nvme0n2 is no namespace of the drive')
  assert.equal(drive.ran, [])
})

test('plugged in again: another controller, another drive or none behind the name, and nothing is sent', async () => {
  const moves: ((drive: FakeNvme) => void)[] = [
    ({ root, capabilities }) =>
      plugIn(root, '/sys/block/nvme0n1', '/devices/pci0000:00/nvme/nvme1', capabilities.subsystem),
    ({ root }) =>
      plugIn(root, '/sys/block/nvme0n1', '/devices/pci0000:00/nvme/nvme0', 'nqn.2014-08.org.example:other'),
    ({ root }) => root.put('/sys/block/nvme0n1', null),
  ]
  for (const move of moves) {
    for (const method of ['nvme-sanitize-block', 'nvme-format-user-data'] as const) {
      const drive = createFakeNvme()
      move(drive)
      const outcome = await erase(drive, method)
      assert.is(outcome.state, 'rejected')
      assert.is(outcome.reason, 'nvme0n1 is no longer behind /dev/nvme0')
      assert.equal(drive.ran, [])
    }
    const busy = createFakeNvme({ takes: 60_000 }, { sanitizeState: 'running' })
    move(busy)
    const outcome = await attach(busy, 'nvme-sanitize-block')
    assert.is(outcome.state, 'rejected')
    assert.is(outcome.reason, 'nvme0n1 is no longer behind /dev/nvme0')
    assert.equal(busy.ran, [])
  }
})

test('progress in whole per cent may stand still for longer than the stall limit, but not for an hour', async () => {
  const steps = (each: number) => {
    const drive = createFakeNvme({ takes: each * 100 }, {}, { stallLimit: 300_000 })
    const { exec } = drive.world.deps
    drive.world.deps.exec = async (file, args, options) => {
      const end = await exec(file, args, options)
      const whole = (all: string, sprog: string) =>
        drive.log.status === 2 ? `"sprog":${Math.floor(Number(sprog) / 655.36) * 655}` : all
      return { ...end, stdout: end.stdout.replace(/"sprog":(\d+)/, whole) }
    }
    return erase(drive, 'nvme-sanitize-block')
  }
  assert.is((await steps(18 * 60_000)).state, 'done')
  assert.is((await steps(61 * 60_000)).state, 'unknown')
})

const fna = (bits: number) => ({
  supported: true,
  everyNamespace: (bits & 1) !== 0,
  eraseEveryNamespace: (bits & 2) !== 0,
  crypto: (bits & 4) !== 0,
  noBroadcast: (bits & 8) !== 0,
})

test('format: where one erases all, one is sent, and only if all are meant', async () => {
  for (const bits of [5, 6, 7]) {
    const drive = createFakeNvme({}, { namespaces: [...TWO, DETACHED], format: fna(bits) })
    assert.is((await erase(drive, 'nvme-format-crypto')).state, 'rejected')
    assert.equal(isErased(drive), [false, false, false])
    assert.is((await erase(drive, 'nvme-format-crypto', BOTH)).state, 'done')
    assert.is(sent(drive, 'format').length, 1)
    assert.equal(isErased(drive), [true, true, true])
  }
})

test('format: a drive that takes no broadcast gets the command with a namespace of its own', async () => {
  const drive = createFakeNvme({}, { format: fna(13) })
  assert.is((await erase(drive, 'nvme-format-crypto')).state, 'done')
  assert.equal(sent(drive, 'format'), [])
  assert.match(
    sent(drive, 'admin-passthru')[0] ?? '',
    /--opcode=0x80 --namespace-id=1 --cdw10=1024 --timeout=600000$/,
  )
})

test('format: refused is rejected; a drive that failed inside may have begun', async () => {
  for (const status of ['0x4001', '0x4002', '0x410a', '0x4286']) {
    const drive = createFakeNvme({ formatStatus: status })
    assert.is((await erase(drive, 'nvme-format-crypto')).state, 'rejected', status)
  }
  const inner = createFakeNvme({ formatStatus: '0x4006' })
  assert.is((await erase(inner, 'nvme-format-crypto')).state, 'unknown')
})

test('format: the second namespace refused after the first was erased is a failure', async () => {
  const drive = createFakeNvme({}, { namespaces: TWO })
  const { exec } = drive.world.deps
  drive.world.deps.exec = async (file, args, options) => {
    if (args.includes('--namespace-id=2') && args[0] === 'format') {
      return { stdout: '', stderr: 'NVMe status: Access Denied(0x4286)\n', exitCode: 1 }
    }
    return exec(file, args, options)
  }
  const outcome = await erase(drive, 'nvme-format-crypto', BOTH)
  assert.is(outcome.state, 'failed')
  assert.match(outcome.reason ?? '', /namespace 2: .*erased before: 1/)
})

test('format: exit code 0 without a word of success is not done', async () => {
  const drive = createFakeNvme({ lies: true })
  assert.is((await erase(drive, 'nvme-format-crypto')).state, 'unknown')
})

test('format: a namespace with another LBA format than was asked for is not done', async () => {
  const drive = createFakeNvme()
  const namespace = drive.namespaces.get(1)
  if (namespace !== undefined) namespace.lbaFormat = 1
  assert.is((await erase(drive, 'nvme-format-crypto')).state, 'unknown')
})

test('format: the command ran into its time limit; what the drive shows does not prove its end', async () => {
  const drive = createFakeNvme({ formatHangs: 120_000 })
  const outcome = await erase(drive, 'nvme-format-crypto')
  assert.is(outcome.state, 'unknown')
  assert.match(outcome.reason ?? '', /seen at it/)
})

test('the time for a format grows with the size', async () => {
  const [first] = TWO
  if (first === undefined) throw new Error('no namespace')
  const big = { ...first, path: DISK.path, sizeBytes: 7_680_000_000_000 }
  const drive = createFakeNvme({}, { namespaces: [big] })
  await erase(drive, 'nvme-format-user-data')
  assert.match(sent(drive, 'format')[0] ?? '', /--timeout=86400000$/)
})

test('a method of another kind of drive, or for no disk, is rejected', async () => {
  const drive = createFakeNvme()
  assert.is((await erase(drive, 'ata-security-erase')).state, 'rejected')
  assert.is((await erase(drive, 'scsi-format')).state, 'rejected')
  assert.is((await erase(drive, 'nvme-sanitize-block', [])).state, 'rejected')
  assert.equal(drive.ran, [])
})

test.run()
