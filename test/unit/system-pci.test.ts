import { gzipSync } from 'node:zlib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { knownValue } from '../../src/system/finding.ts'
import { pciAddressOf, readDriverless, readPci } from '../../src/system/pci/devices.ts'
import { parsePciIds } from '../../src/system/pci/ids.ts'
import type { PciDevice } from '../../src/system/pci/schema.ts'
import { type Changes, openMachine, openTree } from './helpers/machine-tree.ts'

const IDS = `# comment
1b36  Red Hat, Inc.
\t0010  QEMU NVM Express Controller
\t\t1af4 1100  QEMU Virtual Machine
8086  Intel Corporation
\t10d3  82574L Gigabit Network Connection
C 01  Mass storage controller
\t08  Non-Volatile memory controller
\t\t02  NVM Express
C 02  Network controller
\t00  Ethernet controller
`

const DEVICES = '/sys/bus/pci/devices'

async function device(address: string, changes: Changes = {}): Promise<PciDevice> {
  const pci = knownValue(await readPci(openMachine('qemu-uefi-odd', changes).root))
  const found = pci?.devices.find((each) => each.address === address)
  if (found === undefined) throw new Error(`no ${address}`)
  return found
}

test('every function, with ids and driver', async () => {
  const pci = knownValue(await readPci(openMachine('qemu-bios-server').root))
  assert.is(pci?.devices.length, 15)
  const nvme = pci?.devices.find(({ address }) => address === '0000:00:03.0')
  assert.equal(nvme && [nvme.class, nvme.vendorId, nvme.deviceId, nvme.subsystemVendorId], [
    '010802',
    '1b36',
    '0010',
    '1af4',
  ])
  assert.is(nvme && knownValue(nvme.driver), 'nvme')
  const bridge = pci?.devices.find(({ address }) => address === '0000:00:00.0')
  assert.is(bridge?.driver.status, 'absent')
  assert.is(bridge?.link.status, 'absent')
})

test('names from pci.ids, plain or compressed, and unknown without', async () => {
  for (const files of [
    { '/usr/share/misc/pci.ids': IDS },
    { '/usr/share/misc/pci.ids.gz': { base64: gzipSync(IDS).toString('base64') } },
  ]) {
    assert.equal(knownValue((await device('0000:01:00.0', { files })).names), {
      vendor: 'Red Hat, Inc.',
      device: 'QEMU NVM Express Controller',
      class: 'Non-Volatile memory controller',
    })
  }
  const { names } = await device('0000:01:00.0')
  assert.is(names.status, 'unknown')
  const broken = { '/usr/share/misc/pci.ids.gz': 'not gzip' }
  assert.is((await device('0000:01:00.0', { files: broken })).names.status, 'unknown')
})

test('negotiated and greatest link', async () => {
  assert.equal(knownValue((await device('0000:00:03.0')).link), {
    speed: 2.5,
    maxSpeed: 16,
    width: 1,
    maxWidth: 16,
    belowMaximum: true,
  })
  const path = `${DEVICES}/0000:00:03.0`
  const full = { [`${path}/current_link_speed`]: '16.0 GT/s PCIe', [`${path}/current_link_width`]: '16' }
  assert.is(knownValue((await device('0000:00:03.0', { files: full })).link)?.belowMaximum, false)
  const odd = { [`${path}/current_link_speed`]: 'Unknown' }
  assert.is((await device('0000:00:03.0', { files: odd })).link.status, 'unknown')
  const empty = { [`${path}/current_link_width`]: '0' }
  assert.is((await device('0000:00:03.0', { files: empty })).link.status, 'absent')
})

test('a function that cannot be read is named, the others stay', async () => {
  const files = { [`${DEVICES}/0000:00:00.0/vendor`]: { error: 'EIO' } }
  const pci = knownValue(await readPci(openMachine('qemu-bios-server', { files }).root))
  assert.is(pci?.devices.length, 14)
  assert.is(pci?.unreadable[0]?.address, '0000:00:00.0')
})

test('no bus directory: unknown; an empty one: absent', async () => {
  assert.is((await readPci(openTree({}).root)).status, 'unknown')
  assert.is((await readPci(openTree({ files: { [DEVICES]: { dir: true } } }).root)).status, 'absent')
})

test('driverless functions of one base class', async () => {
  assert.equal(knownValue(await readDriverless(openMachine('qemu-bios-server').root, '01')), [])
  const { root } = openMachine('qemu-bios-server', { files: { [`${DEVICES}/0000:00:03.0/driver`]: null } })
  assert.equal(knownValue(await readDriverless(root, '01')), [{ address: '0000:00:03.0', class: '010802' }])
})

test('the address in a sysfs path is the last function on the way', () => {
  assert.is(
    pciAddressOf('../devices/pci0000:00/0000:00:03.0/0000:01:00.0/nvme/nvme0/nvme0n1'),
    '0000:01:00.0',
  )
  assert.is(pciAddressOf('../devices/pci10000:e0/10000:e0:01.0/10000:e1:00.0/nvme/nvme2'), '10000:e1:00.0')
  assert.is(pciAddressOf('../devices/virtual/block/loop0'), undefined)
})

test('pci.ids of any shape: no exception', () => {
  assert.is(parsePciIds('\t0010  no vendor above\n\n???\n').names.size, 0)
})

test.run()
