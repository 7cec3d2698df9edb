import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { InputError } from '../../src/errors.ts'
import { qemuArguments } from '../vm/harness/arguments.ts'
import type { Disk, MachinePaths, MachineSpec } from '../vm/harness/spec.ts'

const base: MachineSpec = {
  name: 'm',
  firmware: 'bios',
  memoryMiB: 768,
  cpus: 2,
  acceleration: 'tcg',
  boot: { kind: 'netboot', scriptUrl: 'http://10.0.2.2:80/boot.ipxe' },
  limit: 1000,
}
const bios: MachinePaths = { disks: [] }
const uefi: MachinePaths = {
  ...bios,
  firmware: { code: '/f/CODE.fd', variables: '/w/vars.fd' },
  netboot: { tftpRoot: '/w/tftp', roms: '/roms' },
}
const card = (model: 'virtio-net-pci' | 'e1000e') => ({ networkCards: [{ model, mac: '52:54:00:00:00:01' }] })
const kernel = { boot: { kind: 'kernel', kernel: '/k', cmdline: 'a=1,b' } } as const

/** What must stand in the list, as neighbours. */
const holds: [name: string, spec: Partial<MachineSpec>, paths: MachinePaths, words: string[]][] = [
  ['memory', {}, bios, ['-m', '768']],
  ['processors', { cpus: 3 }, bios, ['-smp', '3']],
  ['TCG with threads', {}, bios, ['-accel', 'tcg,thread=multi,tb-size=512', '-cpu', 'max,-erms,-fsrm']],
  ['KVM', { acceleration: 'kvm' }, bios, ['-accel', 'kvm']],
  ['the serial port', {}, bios, ['-chardev', 'stdio,id=serial,signal=off', '-serial', 'chardev:serial']],
  [
    'BIOS netboot: the script is the boot file',
    {},
    bios,
    ['-netdev', 'user,id=net0,bootfile=http://10.0.2.2:80/boot.ipxe'],
  ],
  [
    "BIOS netboot: the card's own boot firmware",
    card('e1000e'),
    bios,
    ['-device', 'e1000e,netdev=net0,mac=52:54:00:00:00:01,bootindex=0'],
  ],
  [
    'UEFI netboot: iPXE by TFTP',
    { firmware: 'uefi' },
    uefi,
    ['-netdev', 'user,id=net0,tftp=/w/tftp,bootfile=snponly.efi'],
  ],
  [
    'UEFI netboot: OVMF drives virtio',
    { firmware: 'uefi', ...card('virtio-net-pci') },
    uefi,
    ['-device', 'virtio-net-pci,netdev=net0,mac=52:54:00:00:00:01,romfile=,bootindex=0'],
  ],
  [
    'UEFI netboot: a driver for other cards',
    { firmware: 'uefi', ...card('e1000e') },
    uefi,
    ['-device', 'e1000e,netdev=net0,mac=52:54:00:00:00:01,romfile=/roms/efi-e1000e.rom,bootindex=0'],
  ],
  [
    'UEFI: its code is read-only',
    {},
    uefi,
    ['-drive', 'if=pflash,format=raw,unit=0,readonly=on,file=/f/CODE.fd'],
  ],
  ['a kernel', kernel, bios, ['-kernel', '/k', '-append', 'a=1,b']],
  [
    'no boot firmware where nothing is booted',
    kernel,
    bios,
    ['-device', 'virtio-net-pci,netdev=net0,mac=52:54:00:12:34:56,romfile='],
  ],
  [
    'an initramfs',
    { boot: { kind: 'kernel', kernel: '/k', initrd: '/i', cmdline: '' } },
    bios,
    ['-initrd', '/i', '-append', ''],
  ],
  [
    'SMBIOS, with commas',
    { smbios: { system: { serial: 'a,b', uuid: 'u' } } },
    bios,
    ['-smbios', 'type=1,serial=a,,b,uuid=u'],
  ],
  ['SMBIOS of the board', { smbios: { baseboard: { product: 'p' } } }, bios, ['-smbios', 'type=2,product=p']],
  ['a clock that is wrong', { clock: '2001-01-01T00:00:00' }, bios, ['-rtc', 'base=2001-01-01T00:00:00']],
  [
    'a card on a network of its own',
    { networkCards: [{ model: 'e1000', mac: '52:54:00:00:00:01', network: '10.0.3.0/24' }] },
    bios,
    ['-netdev', 'user,id=net0,net=10.0.3.0/24,bootfile=http://10.0.2.2:80/boot.ipxe'],
  ],
  [
    'the card of a BMC, on USB',
    { ...kernel, networkCards: [{ model: 'usb-net', mac: '52:54:00:00:00:01' }] },
    bios,
    [
      ...['-device', 'qemu-xhci,id=usb', '-netdev', 'user,id=net0'],
      ...['-device', 'usb-net,netdev=net0,mac=52:54:00:00:00:01,bus=usb.0'],
    ],
  ],
  ['more arguments last', { extraArguments: ['-x', 'y'] }, bios, ['-x', 'y']],
]
for (const [name, spec, paths, words] of holds) {
  test(name, () => {
    const args = qemuArguments({ ...base, ...spec }, paths)
    const place = args.findIndex((_, index) => words.every((word, offset) => args[index + offset] === word))
    assert.ok(place >= 0, `${words.join(' ')} is not in ${args.join(' ')}`)
  })
}

test('a reboot ends the machine unless it is allowed', () => {
  assert.ok(qemuArguments(base, bios).includes('-no-reboot'))
  assert.not.ok(qemuArguments({ ...base, reboot: 'allow' }, bios).includes('-no-reboot'))
})

test('forwarded ports: free ones first, the same ones again; on the first card only', () => {
  const spec = { ...base, ...kernel, forwardedPorts: [22, 7000] }
  const forward = 'user,id=net0,hostfwd=tcp:127.0.0.1:0-:22,hostfwd=tcp:127.0.0.1:0-:7000'
  assert.ok(qemuArguments(spec, bios).includes(forward))
  const again = qemuArguments(spec, bios, new Map([[22, 40001]]))
  assert.ok(again.includes(forward.replace('0-:22', '40001-:22')))
  const { networkCards } = card('e1000e')
  const two = qemuArguments({ ...spec, networkCards: [...networkCards, ...networkCards] }, bios)
  assert.ok(two.includes('user,id=net1'))
})

const files = { ...bios, disks: ['/d/0', '/d,1'] }
const diskTable: [name: string, disk: Disk, devices: string[]][] = [
  [
    'NVMe',
    { kind: 'nvme', serial: 'S', sizeMiB: 1, wwn: '0011223344556677', logicalSectorSize: 4096 },
    [
      'nvme,id=nvme0,serial=S',
      'nvme-ns,bus=nvme0,drive=disk0,eui64=0x0011223344556677,logical_block_size=4096',
    ],
  ],
  [
    'SATA, rotating',
    { kind: 'sata', serial: 'S', sizeMiB: 1, wwn: '5000c50000000001', rotational: true },
    ['ide-hd,bus=ide.0,drive=disk0,serial=S,wwn=0x5000c50000000001,rotation_rate=7200'],
  ],
  [
    'SCSI, solid state, 512e',
    { kind: 'scsi', serial: 'S', sizeMiB: 1, logicalSectorSize: 512, physicalSectorSize: 4096 },
    [
      'virtio-scsi-pci,id=scsi',
      'scsi-hd,bus=scsi.0,drive=disk0,serial=S,rotation_rate=1,logical_block_size=512,physical_block_size=4096',
    ],
  ],
  ['virtio', { kind: 'virtio', serial: 'S', sizeMiB: 1 }, ['virtio-blk-pci,drive=disk0,serial=S']],
]
for (const [name, disk, devices] of diskTable) {
  test(`disk: ${name}`, () => {
    const args = qemuArguments({ ...base, networkCards: [], disks: [disk] }, files)
    assert.equal(
      args.filter((_, index) => args[index - 1] === '-device'),
      devices,
    )
  })
}

test('disk: a comma in the name of its file', () => {
  const disk: Disk = { kind: 'sata', serial: 'S', sizeMiB: 1 }
  const args = qemuArguments({ ...base, disks: [disk, disk] }, files)
  assert.ok(
    args.some((arg) =>
      arg.endsWith('node-name=disk1,discard=unmap,cache.no-flush=on,file.driver=file,file.filename=/d,,1'),
    ),
  )
  assert.ok(args.includes('ide-hd,bus=ide.1,drive=disk1,serial=S,rotation_rate=1'))
})

const refused: [spec: Partial<MachineSpec>, paths: MachinePaths, message: RegExp][] = [
  [
    { disks: [{ kind: 'virtio', serial: 'S', sizeMiB: 1, wwn: '5000c50000000001' }] },
    files,
    /a virtio disk has no WWN/,
  ],
  [
    { disks: [{ kind: 'nvme', serial: 'S', sizeMiB: 1, rotational: true }] },
    files,
    /a nvme disk does not rotate/,
  ],
  [
    { disks: [{ kind: 'sata', serial: 'S', sizeMiB: 1, logicalSectorSize: 4096 }] },
    files,
    /cannot be chosen/,
  ],
  [{ disks: [{ kind: 'sata', serial: 'S'.repeat(21), sizeMiB: 1 }] }, files, /1 to 20 visible ASCII/],
  [{ disks: [{ kind: 'sata', serial: '', sizeMiB: 1 }] }, files, /1 to 20 visible ASCII/],
  [{ disks: [{ kind: 'scsi', serial: 'S', sizeMiB: 1, wwn: '5000C5' }] }, files, /16 lower-case hexadecimal/],
  [
    { disks: Array<Disk>(7).fill({ kind: 'sata', serial: 'S', sizeMiB: 1 }) },
    { ...bios, disks: Array<string>(7).fill('/d') },
    /there are 6 SATA ports/,
  ],
  [{ disks: [{ kind: 'sata', serial: 'S', sizeMiB: 1 }] }, bios, /there is no file for it/],
  [{ networkCards: [{ model: 'e1000', mac: '52-54-00-00-00-01' }] }, bios, /it is written like/],
  [{ networkCards: [{ model: 'usb-net', mac: '52:54:00:00:00:01' }] }, bios, /nothing netboots from usb-net/],
  [{ firmware: 'uefi' }, bios, /needs iPXE in a TFTP folder/],
]
for (const [spec, paths, message] of refused) {
  test(`refused: ${message.source}`, () => {
    assert.throws(
      () => qemuArguments({ ...base, ...spec }, paths),
      (error: unknown) => error instanceof InputError && message.test(error.message),
    )
  })
}

test.run()
