import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readDisks } from '../../src/system/block/disks.ts'
import type { Disk, Disks } from '../../src/system/block/schema.ts'
import { identityFromPage89, serialFromPage80, wwnFromPage83 } from '../../src/system/block/vpd.ts'
import { type Finding, knownValue } from '../../src/system/finding.ts'
import {
  type Changes,
  type Machine,
  openMachine,
  openTree,
  type Recording,
  readRecording,
} from './helpers/machine-tree.ts'

const read = ({ root, exec }: Machine) => readDisks(root, exec)

async function disksOf(machine: Machine): Promise<Disks> {
  const disks = await read(machine)
  if (disks.status !== 'known') throw new Error(`disks are ${disks.status}: ${disks.reason}`)
  return disks.value
}

async function diskOf(name: string, changes: Changes): Promise<Disk> {
  const { disks } = await disksOf(openMachine('qemu-bios-server', changes))
  const disk = disks.find((each) => each.name === name)
  if (disk === undefined) throw new Error(`no ${name}`)
  return disk
}

/** The value of a finding that there has to be. */
function value<T>(finding: Finding<T> | undefined): T {
  if (finding?.status !== 'known') throw new Error(`not known: ${finding?.reason}`)
  return finding.value
}

const reasonOf = (finding: Finding<unknown>) => (finding.status === 'known' ? '' : finding.reason)

test('kind, serial, WWN, size and sectors of every disk, as they were given to the virtual machine', async () => {
  const { disks, optical, disagreements } = await disksOf(openMachine('qemu-bios-server'))
  assert.equal(
    disks.map((d) => [
      d.name,
      knownValue(d.transport),
      knownValue(d.serial),
      knownValue(d.wwn),
      knownValue(d.sizeBytes),
      knownValue(d.logicalSectorBytes),
      knownValue(d.physicalSectorBytes),
    ]),
    [
      ['sda', 'scsi', 'SCSI-SN-0001', '0x5000c500deadbee1', 67108864, 512, 512],
      ['sdb', 'scsi', 'SCSI-SN-0002', undefined, 67108864, 4096, 4096],
      ['sdc', 'sata', 'SATA-SN-0001', '0x5000c500a1b2c3d4', 67108864, 512, 512],
      ['sdd', 'sata', 'SATA-SN-0002', undefined, 67108864, 512, 4096],
      ['sde', 'usb', 'USB-SN-0001', undefined, 67108864, 512, 512],
      ['vda', 'virtio', 'VIRT-SN-0001', undefined, 67108864, 512, 512],
      ['nvme0n1', 'nvme', 'NVME-SN-0001', undefined, 67108864, 512, 512],
      ['nvme1n1', 'nvme', 'NVME-SN-0002', undefined, 100663296, 4096, 4096],
    ],
  )
  assert.equal(disagreements, [])
  assert.equal(
    optical.map(({ name }) => name),
    ['sr0'],
  )
})

test('a WWN that is not there is absent where the drive was asked, unknown where not', async () => {
  const { disks } = await disksOf(openMachine('qemu-bios-server'))
  const wwn = (name: string) => disks.find((disk) => disk.name === name)?.wwn.status
  assert.is(wwn('sdd'), 'absent') // page 83h read, no NAA in it
  assert.is(wwn('vda'), 'absent') // virtio has none
  assert.is(wwn('nvme0n1'), 'absent') // the kernel made one up of model and serial
  assert.is(wwn('sde'), 'unknown') // USB: the kernel reads no pages
})

test('firmware, model, rotation, flags, place', async () => {
  const sdc = await diskOf('sdc', {})
  assert.is(knownValue(sdc.model), 'ACME HDD 4T')
  assert.is(knownValue(sdc.firmware), 'FW01')
  assert.equal(sdc.firmware.sources, ['/sys/block/sdc/device/vpd_pg89'])
  assert.is(knownValue(sdc.rotational), true)
  assert.is(knownValue(sdc.pciAddress), '0000:00:05.0')
  assert.is(knownValue(sdc.byPath), 'pci-0000:00:05.0-ata-1.0')
  assert.is(sdc.vendor.status, 'absent')
  assert.is(knownValue((await diskOf('sdb', {})).readOnly), true)
  assert.is(knownValue((await diskOf('sdd', {})).rotational), false)
  assert.is(knownValue((await diskOf('sde', {})).removable), true)
  assert.is(knownValue((await diskOf('sda', {})).removable), false)
})

test('partitions and what stands on them', async () => {
  const dir = '/sys/block/sdc/sdc1/holders'
  const disk = await diskOf('sdc', { files: { [`${dir}/md127/md`]: 'x' } })
  const partitions = knownValue(disk.partitions) ?? []
  assert.equal(
    partitions.map((p) => [p.name, knownValue(p.number), knownValue(p.sizeBytes), knownValue(p.holders)]),
    [
      ['sdc1', 1, 16 * 2 ** 20, ['md127']],
      ['sdc2', 2, 8 * 2 ** 20, undefined],
    ],
  )
  assert.is(partitions[1]?.holders.status, 'absent')
  assert.is((await diskOf('vda', {})).partitions.status, 'absent')
})

test('native NVMe multipath: the namespaces once, their paths not', async () => {
  const { disks, notCounted, notes } = await disksOf(openMachine('qemu-uefi-odd'))
  const nvme = disks.filter(({ name }) => name.startsWith('nvme'))
  assert.equal(
    nvme.map((d) => [knownValue(d.transport), knownValue(d.serial), knownValue(d.logicalSectorBytes)]),
    [
      ['nvme', 'NVME-MP-0001', 4096],
      ['nvme', 'NVME-MP-0001', 512],
    ],
  )
  assert.is(value(nvme[0]?.pciAddress), '0000:01:00.0, 0000:02:00.0')
  assert.is(notCounted['NVMe path'], 4)
  assert.not.ok(notes.some((note) => note.includes('same serial')))
})

test('a volume of a RAID controller is told from a disk', async () => {
  const { disks, notes } = await disksOf(openMachine('qemu-uefi-odd'))
  const kinds = Object.fromEntries(disks.map((disk) => [disk.name, knownValue(disk.transport)]))
  assert.is(kinds.sda, 'raid')
  assert.is(kinds.sdb, 'sas')
  assert.match(notes.join(), 'sda: RAID volumes')
})

test('a disk without serial is unknown with the reason, and stays in the list', async () => {
  const { disks } = await disksOf(openMachine('qemu-uefi-odd'))
  const vda = disks.find(({ name }) => name === 'vda')
  assert.is(vda?.serial.status, 'unknown')
  assert.match(vda === undefined ? '' : reasonOf(vda.serial), '/sys/block/vda/serial is empty')
})

const dir = '/sys/block/sda/device'
const udev = '/run/udev/data/b8:0'

test('each source of a SCSI serial in turn', async () => {
  const without = { [`${dir}/vpd_pg80`]: null }
  const fromUdev = await diskOf('sda', { files: without })
  assert.is(knownValue(fromUdev.serial), 'SCSI-SN-0001')
  assert.equal(fromUdev.serial.sources, [`${udev} ID_SCSI_SERIAL`])
  const fromSmart = await diskOf('sda', { files: { ...without, [udev]: null } })
  assert.is(knownValue(fromSmart.serial), 'SCSI-SN-0001')
  assert.equal(fromSmart.serial.sources, ['smartctl --json=c -i /dev/sda'])
  const smart = 'smartctl --json=c -i /dev/sda'
  const none = await diskOf('sda', {
    files: { ...without, [udev]: null },
    commands: { [smart]: { stdout: '', exitCode: 2 } },
  })
  assert.is(none.serial.status, 'unknown')
  assert.match(reasonOf(none.serial), 'smartctl ended with exit code 2')
})

test('smartctl that answers nonsense, or is not there, leaves the serial unknown', async () => {
  const files = { [`${dir}/vpd_pg80`]: null, [udev]: null }
  const smart = 'smartctl --json=c -i /dev/sda'
  const odd = await diskOf('sda', {
    files,
    commands: { [smart]: { stdout: 'Usage: smartctl', exitCode: 0 } },
  })
  assert.match(reasonOf(odd.serial), 'not JSON')
  const recording = readRecording('qemu-bios-server')
  const commands = Object.fromEntries(Object.keys(recording.commands).map((line) => [line, null]))
  assert.match(reasonOf((await diskOf('sda', { files, commands })).serial), 'smartctl is not installed')
})

test('a failing drive still says who it is: smartctl exit codes of health are no failure', async () => {
  const files = { [`${dir}/vpd_pg80`]: null, [udev]: null }
  const smart = { 'smartctl --json=c -i /dev/sda': { stdout: '{"serial_number":"DYING-1"}', exitCode: 8 } }
  assert.is(knownValue((await diskOf('sda', { files, commands: smart })).serial), 'DYING-1')
})

test('no program is run for a disk whose serial is in a file', async () => {
  const machine = openMachine('qemu-bios-server')
  await read(machine)
  assert.equal(machine.ran, [])
})

test('sources that contradict each other are recorded, the drive’s own word is taken', async () => {
  const changed = { [udev]: 'E:ID_SCSI_SERIAL=OTHER-1\n' }
  const { disks, disagreements } = await disksOf(openMachine('qemu-bios-server', { files: changed }))
  assert.is(value(disks[0]?.serial), 'SCSI-SN-0001')
  assert.is(disagreements[0]?.what, 'serial of sda')
  assert.is(disagreements[0]?.other.value, 'OTHER-1')
})

test('a placeholder is no serial, and an unreadable file is no empty one', async () => {
  const zeros = Buffer.from([0, 0x80, 0, 8, ...Buffer.from('00000000')])
  const files = { [`${dir}/vpd_pg80`]: { base64: zeros.toString('base64') }, [udev]: 'E:ID_BUS=scsi\n' }
  const disk = await diskOf('sda', { files, commands: { 'smartctl --json=c -i /dev/sda': null } })
  assert.is(disk.serial.status === 'unknown' && disk.serial.raw, '00000000')
  const broken = await diskOf('sda', { files: { '/sys/block/sda/size': { error: 'EIO' } } })
  assert.match(reasonOf(broken.sizeBytes), 'EIO')
  const nonsense = await diskOf('sda', { files: { '/sys/block/sda/size': 'many' } })
  assert.match(reasonOf(nonsense.sizeBytes), 'says "many"')
})

test('no /sys/block is unknown; one that is readable and holds no disk is absent', async () => {
  const none = await read(openTree({ files: { '/sys/class/net': { dir: true } } }))
  assert.is(none.status, 'unknown')
  assert.is(
    (await read(openMachine('qemu-bios-server', { files: { '/sys/block': { error: 'EACCES' } } }))).status,
    'unknown',
  )
  const loop = { '/sys/block/loop0/size': '0', '/sys/block/zram0/size': '8' }
  const empty = await read(openTree({ files: loop }))
  assert.is(empty.status, 'absent')
  assert.is(reasonOf(empty), 'no disk; not counted: 1 loop, 1 zram')
})

test('no disk, but a storage controller without driver: unknown', async () => {
  const pci = '/sys/bus/pci/devices/0000:03:00.0'
  const disks = await read(openTree({ files: { '/sys/block': { dir: true }, [`${pci}/class`]: '0x010700' } }))
  assert.is(disks.status, 'unknown')
  assert.match(reasonOf(disks), 'no driver for the storage controller at 0000:03:00.0')
})

test('two disks with one serial are noted', async () => {
  const files = {
    '/sys/block/sdb/device/vpd_pg80':
      readRecording('qemu-bios-server').files[
        '/sys/devices/pci0000:00/0000:00:06.0/virtio1/host0/target0:0:1/0:0:1:0/vpd_pg80'
      ] ?? null,
  }
  const { notes } = await disksOf(openMachine('qemu-bios-server', { files }))
  assert.match(notes.join(), 'sda, sdb: the same serial SCSI-SN-0001')
})

test('an NVMe controller without namespace is noted', async () => {
  const files = { '/sys/class/nvme/nvme7/state': 'dead' }
  const { notes } = await disksOf(openMachine('qemu-bios-server', { files }))
  assert.equal(notes, ['nvme7: an NVMe controller that gives no namespace, state dead'])
})

test('NVMe over a network is not taken for a disk of this machine', async () => {
  const machine = openMachine('qemu-bios-server', { files: { '/sys/block/nvme0n1/device/transport': 'tcp' } })
  const { disks, notes } = await disksOf(machine)
  assert.is(value(disks.find(({ name }) => name === 'nvme0n1')?.transport), 'nvme-fabrics')
  assert.match(notes.join(), 'nvme0n1: reached over a network')
})

test('SRP (InfiniBand) is a network, whatever the target says it is; the same place with another driver is not', async () => {
  const host = '/sys/class/scsi_host/host9/proc_name'
  const place = '/sys/devices/pci0000:00/0000:00:05.0/infiniband_srp/host9/port-9:1/target9:0:0/9:0:0:0'
  const files = (driver: string, vendor: string) => ({
    '/sys/block/sdz': { link: `../..${place}/block/sdz` },
    [`${place}/vendor`]: vendor,
    [`${place}/block/sdz/size`]: '2048',
    [`${place}/block/sdz/device`]: { link: '../..' },
    [host]: driver,
  })
  const transportOf = async (driver: string, vendor: string) => {
    const { disks } = await disksOf(openTree({ files: files(driver, vendor) }))
    return value(disks.find(({ name }) => name === 'sdz')?.transport)
  }
  assert.is(await transportOf('ib_srp', 'LIO-ORG'), 'srp')
  assert.is(await transportOf('ib_srp', 'ATA'), 'srp')
  assert.is(await transportOf('mpt3sas', 'SEAGATE'), 'sas')
  assert.is(await transportOf('mpt3sas', 'ATA'), 'sata')
})

test('block devices of a network (rbd, nbd, drbd) are of no known transport, or no disks', async () => {
  const files: Recording['files'] = {
    '/sys/devices/rbd/0/block/rbd0/size': '2048',
    '/sys/devices/rbd/0/block/rbd0/device': { link: '../..' },
    '/sys/block/rbd0': { link: '../devices/rbd/0/block/rbd0' },
    '/sys/block/nbd0/size': '2048',
    '/sys/block/drbd0/size': '2048',
  }
  const { disks, notCounted } = await disksOf(openTree({ files }))
  assert.equal(
    disks.map(({ name, transport }) => [name, value(transport)]),
    [['rbd0', 'other']],
  )
  assert.equal(notCounted, { nbd: 1, drbd: 1 })
  // A later kernel may give them a device.
  const linked = {
    '/sys/block/nbd0/device': { dir: true },
    '/sys/block/drbd0/device': { dir: true },
  } as const
  const more = await disksOf(openTree({ files: { ...files, ...linked } }))
  assert.equal(
    more.disks.map(({ transport }) => value(transport)),
    ['other', 'other', 'other'],
  )
})

test('pages of random bytes: no exception', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 700 }), fc.constantFrom(0x80, 0x83, 0x89), (bytes, code) => {
      const page = Buffer.from(bytes)
      if (page.length > 3) page.writeUInt8(code, 1)
      if (page.length > 3) page.writeUInt16BE(Math.max(0, page.length - 4), 2)
      serialFromPage80(page)
      wwnFromPage83(page)
      identityFromPage89(page)
    }),
  )
})

test.run()
