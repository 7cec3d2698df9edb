import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ToolMissingError } from '../../src/errors.ts'
import { readHostIdentity } from '../../src/system/identity.ts'
import { createMachineRoot } from '../../src/system/machine-root.ts'
import { openMachine, openTree, unpackMachine } from './helpers/machine-tree.ts'

const noTools = async () => {
  throw new ToolMissingError('not installed')
}

test('the system UUID, from a recording as real files', async () => {
  const { dir, exec } = unpackMachine('qemu-bios-server')
  const identity = await readHostIdentity(createMachineRoot(dir), exec)
  assert.is(identity.hostId, '4c4c4544-0046-3310-804b-b7c04f325131')
  assert.is(identity.uuid, identity.hostId)
  assert.is(identity.serial, 'SYS7F3K2Q1')
  assert.match(identity.origin, 'system UUID from /sys/firmware/dmi/tables/DMI')
})

test('MACs of the physical cards, not that of the USB link to a BMC', async () => {
  const { root, exec } = openMachine('qemu-bios-server')
  assert.equal((await readHostIdentity(root, exec)).macs, [
    { name: 'enp0s10', mac: '52:54:00:aa:00:02', permanent: true },
    { name: 'enp0s11', mac: '52:54:00:aa:00:03', permanent: true },
    { name: 'enp0s9', mac: '52:54:00:aa:00:01', permanent: true },
  ])
})

test('a UUID that many machines have: the lowest permanent MAC, with or without ethtool', async () => {
  const { root, exec } = openMachine('qemu-uefi-odd')
  for (const run of [exec, undefined, noTools]) {
    const identity = await readHostIdentity(root, run)
    assert.is(identity.hostId, 'mac-525400bb0001')
    assert.is(identity.uuid, undefined)
    assert.is(identity.serial, undefined)
    assert.match(identity.origin, 'shared by machines of many makers')
  }
})

test('the lowest MAC, not the first card’s', async () => {
  const { root } = openMachine('qemu-bios-server', {
    files: { '/sys/firmware/dmi': null, '/sys/class/dmi': null },
  })
  assert.is((await readHostIdentity(root)).hostId, 'mac-525400aa0001')
})

test('an address that somebody set is no identity', async () => {
  const files = { '/sys/class/net/eth0/addr_assign_type': '3' }
  const { root } = openMachine('microvm-no-smbios', { files })
  const identity = await readHostIdentity(root, noTools)
  assert.is(identity.hostId, 'unknown')
  assert.equal(identity.macs, [{ name: 'eth0', mac: '02:fc:00:00:00:01', permanent: false }])
})

test('without the table, product_uuid serves', async () => {
  const uuid = '4C4C4544-0046-3310-804B-B7C04F325131'
  const { root } = openTree({ files: { '/sys/class/dmi/id/product_uuid': `${uuid}\n` } })
  const identity = await readHostIdentity(root)
  assert.is(identity.hostId, uuid.toLowerCase())
  assert.is(identity.origin, 'system UUID from /sys/class/dmi/id/product_uuid')
})

test('nothing to go by: unknown with the reason, never the hostname', async () => {
  const { root } = openTree({ files: { '/proc/sys/kernel/hostname': 'web1\n' } })
  const identity = await readHostIdentity(root, noTools)
  assert.is(identity.hostId, 'unknown')
  assert.is(identity.hostname, 'web1')
  assert.match(identity.origin, 'no system UUID: the kernel has no SMBIOS table')
})

test('files that cannot be read do not stop it', async () => {
  const files = {
    '/sys/firmware/dmi/tables/DMI': { error: 'EIO' },
    '/sys/class/dmi/id/product_uuid': { error: 'EACCES' },
    '/sys/class/net': { error: 'EIO' },
  }
  const { root } = openMachine('qemu-bios-server', { files })
  assert.is((await readHostIdentity(root, noTools)).hostId, 'unknown')
})

test.run()
