import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Transport } from '../../src/system/block/schema.ts'
import { readCapabilities } from '../../src/system/drive/capabilities.ts'
import { eraseEstimate } from '../../src/system/drive/estimate.ts'
import {
  type AtaCapabilities,
  type Capabilities,
  capabilitiesSchema,
  type NvmeCapabilities,
  type ScsiCapabilities,
} from '../../src/system/drive/schema.ts'
import type { Finding } from '../../src/system/finding.ts'
import { createFakeExec, openDriveRecording } from './helpers/drive-world.ts'
import { openMachine } from './helpers/machine-tree.ts'

type Changes = Parameters<typeof openDriveRecording>[1]
const { signal } = new AbortController()

async function read(fixture: string, transport: Transport, changes: Changes = {}) {
  const { root, exec, ran } = openDriveRecording(fixture, changes)
  const name = transport === 'nvme' ? 'nvme0n1' : 'sda'
  const finding = await readCapabilities({ name, path: `/dev/${name}`, transport }, { root, exec, signal })
  return { finding, ran }
}

function kindOf<Kind extends Capabilities['kind']>(finding: Finding<Capabilities>, kind: Kind) {
  if (finding.status !== 'known') throw new Error(`${finding.status}: ${finding.reason}`)
  assert.equal(capabilitiesSchema.parse(finding.value), finding.value)
  if (finding.value.kind !== kind) throw new Error(`not ${kind} but ${finding.value.kind}`)
  return finding.value as Extract<Capabilities, { kind: Kind }>
}

const nvme = async (fixture: string, changes?: Changes): Promise<NvmeCapabilities> =>
  kindOf((await read(fixture, 'nvme', changes)).finding, 'nvme')
const ata = async (fixture: string, changes?: Changes): Promise<AtaCapabilities> =>
  kindOf((await read(fixture, 'sata', changes)).finding, 'ata')
const scsi = async (fixture: string, changes?: Changes): Promise<ScsiCapabilities> =>
  kindOf((await read(fixture, 'sas', changes)).finding, 'scsi')

const reasonOf = (finding: Finding<unknown>) => (finding.status === 'known' ? 'known' : finding.reason)

test('NVMe: crypto and block sanitize, with the estimates of the log', async () => {
  const drive = await nvme('nvme-crypto-and-block')
  assert.equal(drive, {
    kind: 'nvme',
    controller: '/dev/nvme0',
    subsystem: 'nqn.2014-08.org.example:acme:S4CKNX0TEST',
    namespaces: [{ nsid: 1, attached: true, path: '/dev/nvme0n1', sizeBytes: 960_197_124_096, lbaFormat: 0 }],
    sanitize: { crypto: true, block: true, overwrite: false },
    format: {
      supported: true,
      everyNamespace: false,
      eraseEveryNamespace: false,
      crypto: true,
      noBroadcast: false,
    },
    sanitizeState: 'completed',
    sanitizeSeconds: { crypto: 4, block: 180, overwrite: null },
    unallocatedBytes: 0,
  })
  assert.is(eraseEstimate('nvme-sanitize-block', drive), 180)
  assert.is(eraseEstimate('nvme-sanitize-overwrite', drive), null)
  assert.is(eraseEstimate('nvme-format-crypto', drive), null)
})

test('NVMe: block only, a format with crypto erase only, and nothing at all', async () => {
  const block = await nvme('nvme-block-only')
  assert.equal(block.sanitize, { crypto: false, block: true, overwrite: false })
  assert.is(block.sanitizeState, 'never')
  assert.is(block.unallocatedBytes, null)
  const format = await nvme('nvme-format-crypto-only')
  assert.equal(format.sanitize, { crypto: false, block: false, overwrite: false })
  assert.ok(format.format.supported && format.format.crypto)
  const nothing = await nvme('nvme-nothing')
  assert.equal([nothing.format.supported, nothing.format.crypto], [false, false])
})

test('NVMe: what FNA says of other namespaces', async () => {
  const all = (await nvme('nvme-fna-all')).format
  assert.equal([all.everyNamespace, all.eraseEveryNamespace, all.noBroadcast], [true, true, false])
  const single = (await nvme('nvme-fna-no-broadcast')).format
  assert.equal([single.everyNamespace, single.eraseEveryNamespace, single.noBroadcast], [true, false, true])
  assert.is((await nvme('nvme-fna-all')).namespaces[0]?.lbaFormat, 1)
})

test('NVMe: every namespace of the drive, also the unattached one, by NSID and not by the number in its name', async () => {
  const drive = await nvme('nvme-two-and-one-unattached')
  assert.equal(
    drive.namespaces.map(({ nsid, attached, path, lbaFormat }) => [nsid, attached, path, lbaFormat]),
    [
      [1, true, '/dev/nvme0n2', 0],
      [2, true, '/dev/nvme0n1', 1],
      [3, false, null, 0],
    ],
  )
  assert.is(drive.unallocatedBytes, 107_374_182_400)
})

test("NVMe: the kernel's own multipath: the first controller on PCI, all namespaces of the subsystem", async () => {
  const { root } = openMachine('qemu-uefi-odd')
  const list = JSON.stringify({ nsid_list: [{ nsid: 1 }, { nsid: 2 }] })
  const exec = createFakeExec((line) => {
    if (!line.includes(' /dev/nvme0 ')) throw new Error(line)
    if (line.includes('id-ctrl')) return { stdout: JSON.stringify({ oacs: 2, fna: 0, sanicap: 0 }) }
    if (line.includes('list-ns')) return { stdout: list }
    return { stdout: JSON.stringify({ nsze: 8, flbas: 0, lbafs: [{ ds: 12 }] }) }
  })
  const disk = { name: 'nvme0n2', path: '/dev/nvme0n2', transport: 'nvme' as const }
  const drive = kindOf(await readCapabilities(disk, { root, exec, signal }), 'nvme')
  assert.is(drive.controller, '/dev/nvme0')
  assert.is(drive.subsystem, 'nqn.2019-08.org.qemu:shelf0')
  assert.equal(
    drive.namespaces.map(({ nsid, path }) => [nsid, path]),
    [
      [1, '/dev/nvme0n2'],
      [2, '/dev/nvme0n1'],
    ],
  )
})

test('NVMe: what the sanitize log says at boot', async () => {
  assert.is((await nvme('nvme-sanitize-running')).sanitizeState, 'running')
  assert.is((await nvme('nvme-sanitize-stuck')).sanitizeState, 'running')
  assert.is((await nvme('nvme-sanitize-failed')).sanitizeState, 'failed')
  assert.is((await nvme('nvme-sanitize-log-refused')).sanitizeState, 'unknown')
})

const LOG = 'nvme sanitize-log /dev/nvme0 --output-format=json'

test('NVMe: the sanitize log as older and other versions of nvme-cli write it', async () => {
  const rest = {
    cdw10_info: 4,
    time_crypto_erase: 9,
    time_block_erase: 4294967295,
    time_over_write: 4294967295,
  }
  const sstats = {
    // 2.3
    status: { global_erased: 1, no_cmplted_passes: 0, status: '(2) Sanitize in Progress.' },
    // between 2.3 and 2.5
    text: { global_erased: 1, no_cmplted_passes: 0, 'Sanitize in Progress.': '(2) Sanitize in Progress.' },
    number: 0x102,
  }
  for (const sstat of Object.values(sstats)) {
    const log = { sprog: 17, sstat, ...rest }
    for (const output of [{ nvme0: log }, log]) {
      const drive = await nvme('nvme-crypto-and-block', {
        commands: { [LOG]: { stdout: JSON.stringify(output) } },
      })
      assert.is(drive.sanitizeState, 'running')
      assert.is(drive.sanitizeSeconds?.crypto, 9)
    }
  }
})

test('NVMe: a log that is not what it should be is unknown, never a state', async () => {
  const broken = [
    '',
    'null',
    '{"nvme0":{"sprog":1,"cdw10_info":4}}',
    '{"nvme0":{"sprog":1,"sstat":{"status":"fine"},"cdw10_info":4}}',
    '{"nvme0":{"sprog":1,"sstat":{"status":"(1) a","other":"(2) b"},"cdw10_info":4}}',
    '{"nvme0":{"sprog":1,"sstat":{"status":"(7) reserved"},"cdw10_info":4}}',
  ]
  for (const stdout of broken) {
    const drive = await nvme('nvme-crypto-and-block', { commands: { [LOG]: { stdout } } })
    assert.is(drive.sanitizeState, 'unknown', stdout)
  }
})

test('NVMe: a tool that is missing, fails or says something else is unknown, with the reason', async () => {
  const commands = ['id-ctrl', 'list-ns', 'id-ns']
  const { ran } = await read('nvme-block-only', 'nvme')
  for (const command of commands) {
    const line = ran.find((each) => each.startsWith(`nvme ${command} `)) ?? ''
    const wrong = { missing: null, text: { stdout: 'hello' }, empty: { stdout: '{}' }, code: { exitCode: 1 } }
    for (const [kind, answer] of Object.entries(wrong)) {
      const { finding } = await read('nvme-block-only', 'nvme', { commands: { [line]: answer } })
      assert.is(finding.status, 'unknown', `${command} ${kind}`)
      assert.ok(reasonOf(finding).length > 10)
    }
  }
  const { finding } = await read('nvme-block-only', 'nvme', {
    files: { '/sys/block/nvme0n1/device/subsysnqn': null },
  })
  assert.match(reasonOf(finding), /no NVMe controller on PCI/)
})

test('ATA: sanitize, security and its times', async () => {
  const drive = await ata('ata-sanitize-full')
  assert.equal(drive.sanitize, {
    supported: true,
    crypto: true,
    block: true,
    overwrite: true,
    antifreeze: true,
  })
  assert.equal(drive.security, {
    supported: true,
    enabled: false,
    locked: false,
    frozen: false,
    countExpired: false,
    enhanced: true,
    eraseMinutes: 8,
    enhancedMinutes: 2,
  })
  assert.equal(drive.sectors, {
    current: 937_703_088,
    native: 937_703_088,
    dco: 937_703_088,
    logicalBytes: 512,
  })
  assert.is(drive.sanitizeState, 'idle')
  assert.is(eraseEstimate('ata-security-erase', drive), 480)
  assert.is(eraseEstimate('ata-security-erase-enhanced', drive), 120)
  assert.is(eraseEstimate('ata-sanitize-block', drive), null)
})

test('ATA: enhanced erase only; a drive without sanitize is not asked for its status', async () => {
  const { finding, ran } = await read('ata-enhanced-erase-only', 'sata')
  const drive = kindOf(finding, 'ata')
  assert.is(drive.sanitize.supported, false)
  assert.equal([drive.security.enhanced, drive.security.enhancedMinutes], [true, 240])
  assert.not.ok(ran.some((line) => line.includes('--sanitize-status')))
})

test('ATA: frozen, and locked with a password', async () => {
  const frozen = await ata('ata-frozen')
  assert.equal([frozen.security.frozen, frozen.sanitizeState], [true, 'frozen'])
  const locked = await ata('ata-locked-with-password')
  assert.equal([locked.security.enabled, locked.security.locked, locked.security.frozen], [true, true, false])
})

test('ATA: what hides sectors: a protected area, an overlay, both, an accessible maximum', async () => {
  const sizes = async (fixture: string) => {
    const { current, native, dco, unread } = (await ata(fixture)).sectors
    return { sizes: [current, native, dco], unread }
  }
  const none = undefined
  assert.equal(await sizes('ata-hpa'), { sizes: [937_703_088, 1_000_215_216, 1_000_215_216], unread: none })
  // "HPA is disabled" here, while an overlay hides sectors.
  assert.equal(await sizes('ata-dco'), { sizes: [937_703_088, 937_703_088, 1_000_215_216], unread: none })
  assert.equal(await sizes('ata-hpa-and-dco'), {
    sizes: [900_000_000, 937_703_088, 1_000_215_216],
    unread: none,
  })
  assert.equal(await sizes('ata-amac'), { sizes: [937_703_088, 1_000_215_216, null], unread: none })
  assert.equal(await sizes('ata-no-hiding'), { sizes: [937_703_088, null, null], unread: none })
})

test('ATA: a size that could not be read is told apart from one that nothing hides', async () => {
  // hdparm ends with 0 there.
  const refused = (await ata('ata-dco-refused')).sectors
  assert.is(refused.dco, null)
  assert.match(refused.unread?.[0] ?? '', /dco_identify\) failed/)
  const below = (await ata('ata-native-below-current')).sectors
  assert.is(below.native, null)
  assert.match(below.unread?.[0] ?? '', /below its current/)
})

test('ATA: sectors of 4096 bytes, no security', async () => {
  const drive = await ata('ata-4k')
  assert.is(drive.sectors.logicalBytes, 4096)
  assert.is(drive.security.supported, false)
})

test('ATA: the sanitize status is read from registers, never from words', async () => {
  assert.is((await ata('ata-sanitize-running')).sanitizeState, 'running')
  assert.is((await ata('ata-sanitize-failed')).sanitizeState, 'failed')
  assert.is((await ata('ata-sanitize-completed')).sanitizeState, 'completed')
  // hdparm says "SD0 Sanitize Idle" here, because the controller handed on nothing.
  assert.is((await ata('ata-no-registers')).sanitizeState, 'unknown')
})

const IDENTIFY = 'hdparm --Istdout /dev/sda'

test('ATA: no identify data, damaged or cut data, a missing tool: unknown, with the reason', async () => {
  assert.match(reasonOf((await read('ata-no-identify', 'sata')).finding), /IDENTIFY DEVICE/)
  const missing = await read('ata-hpa', 'sata', { commands: { [IDENTIFY]: null } })
  assert.match(reasonOf(missing.finding), /hdparm is not installed/)
  const { stdout } = await openDriveRecording('ata-hpa').exec('hdparm', ['--Istdout', '/dev/sda'])
  const damaged = {
    bit: stdout.replace('0021', '0020'),
    cut: stdout.slice(0, -50),
    zeros: stdout.replaceAll(/[0-9a-f]{4}/g, '0000'),
  }
  for (const [kind, text] of Object.entries(damaged)) {
    const { finding } = await read('ata-hpa', 'sata', { commands: { [IDENTIFY]: { stdout: text } } })
    assert.is(finding.status, 'unknown', kind)
  }
})

test('SAS: what the drive lists of its commands', async () => {
  assert.equal((await scsi('sas-sanitize-full')).sanitize, { crypto: true, block: true, overwrite: true })
  const crypto = await scsi('sas-crypto-only')
  assert.equal(crypto.sanitize, { crypto: true, block: false, overwrite: false })
  assert.is(crypto.format, true)
  const nothing = await scsi('sas-nothing')
  assert.equal(nothing.sanitize, { crypto: false, block: false, overwrite: false })
  assert.is(nothing.format, false)
  assert.is((await scsi('sas-520-bytes')).logicalBytes, 520)
})

test('SAS: a drive that lists no commands can format, and nothing is said of sanitize', async () => {
  const drive = await scsi('sas-no-command-list')
  assert.equal(drive.sanitize, { crypto: false, block: false, overwrite: false })
  assert.is(drive.format, true)
})

test('SAS: an erase that runs, one that failed, and a drive that is not ready', async () => {
  assert.is((await scsi('sas-sanitize-running')).running, 'sanitize')
  assert.is((await scsi('sas-format-running')).running, 'format')
  assert.is((await scsi('sas-sanitize-failed')).running, 'none')
  assert.match(reasonOf((await read('sas-not-ready', 'sas')).finding), /Device not ready/)
})

test('SAS: a tool that is missing or says something else is unknown, with the reason', async () => {
  const { ran } = await read('sas-sanitize-full', 'sas')
  assert.is(ran.length, 3)
  for (const line of ran) {
    for (const answer of [null, { stdout: 'hello' }, { stdout: '{}' }, { exitCode: 1 }]) {
      const { finding } = await read('sas-sanitize-full', 'sas', { commands: { [line]: answer } })
      assert.is(finding.status, 'unknown', line)
      assert.ok(reasonOf(finding).length > 10)
    }
  }
})

test('no firmware erase where it would reach something else; not knowing is not plain', async () => {
  const { root, exec, ran } = openDriveRecording('sas-sanitize-full')
  const plain = [
    'raid',
    'usb',
    'virtio',
    'mmc',
    'nvme-fabrics',
    'srp',
    'fc',
    'iscsi',
    'nvdimm',
    'xen',
    'other',
  ] as const
  const disk = { name: 'sda', path: '/dev/sda' }
  for (const transport of plain) {
    const finding = await readCapabilities({ ...disk, transport }, { root, exec, signal })
    assert.equal(kindOf(finding, 'plain'), { kind: 'plain' })
  }
  const unknown = await readCapabilities({ ...disk, transport: undefined }, { root, exec, signal })
  assert.is(unknown.status, 'unknown')
  assert.equal(ran, [])
})

test.run()
