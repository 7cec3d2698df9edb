import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ReadError } from '../../src/errors.ts'
import { readBlockStack } from '../../src/system/block/stack/read.ts'
import type { BlockStack } from '../../src/system/block/stack/schema.ts'
import { blockStackSchema } from '../../src/system/block/stack/schema.ts'
import * as trees from '../fixtures/stack/trees.ts'
import { type Changes, openTree, type Recording } from './helpers/machine-tree.ts'

async function stackOf(recording: Recording, changes: Changes = {}): Promise<BlockStack> {
  const { root, exec } = openTree(recording, changes)
  const stack = await readBlockStack(root, exec)
  assert.ok(blockStackSchema.safeParse(stack).success)
  return stack
}

function nodeOf(stack: BlockStack, name: string) {
  const node = stack.nodes.find((each) => each.name === name)
  if (node === undefined) throw new Error(`no ${name} among ${stack.nodes.map((each) => each.name)}`)
  return node
}

test('an installed system: partitions, mounts with bind mounts, swap, and its own disk as boot medium', async () => {
  const stack = await stackOf(trees.plain())
  assert.equal(nodeOf(stack, 'sda1').on, ['sda'])
  assert.is(nodeOf(stack, 'sda').kind, 'disk')
  assert.is(nodeOf(stack, 'sda2').sizeBytes, 470 * 2 ** 30)
  assert.equal(nodeOf(stack, 'sdb').mounts, ['/srv', '/var/www'])
  assert.ok(nodeOf(stack, 'sda3').swap)
  assert.not.ok(nodeOf(stack, 'sda2').swap)
  assert.equal(stack.swapFiles, [{ path: '/srv/swap file', dev: '8:16' }])
  assert.equal(nodeOf(stack, 'sda2').signatures, [
    { type: 'ext4', usage: 'filesystem', offset: 1080, label: 'root', uuid: 'aaaa-1' },
  ])
  assert.equal(Object.keys(stack.boot), ['sda'])
  assert.match(stack.boot.sda ?? '', 'this system runs from it: / (ext4)')
  assert.equal([stack.untraced, stack.unreadable, stack.silent], [[], {}, {}])
})

test('md, LVM and LUKS in one tower; a netbooted image has no boot medium', async () => {
  const stack = await stackOf(trees.raid())
  assert.equal(nodeOf(stack, 'md0').on, ['sda1', 'sdb1'])
  assert.is(nodeOf(stack, 'dm-0').dmRole, 'lvm')
  assert.is(nodeOf(stack, 'dm-1').dmRole, 'crypt')
  assert.equal(nodeOf(stack, 'dm-1').mounts, ['/mnt'])
  assert.ok(nodeOf(stack, 'dm-2').swap)
  assert.equal(nodeOf(stack, 'md0').volumeGroup, { uuid: 'VGUUID-0', name: 'vg0', shared: false })
  assert.equal([stack.boot, stack.untraced], [{}, []])
})

test('a loop device that is not set up is none', async () => {
  const stack = await stackOf(trees.netboot())
  assert.equal(
    stack.nodes.map(({ name }) => name),
    ['loop0', 'sda'],
  )
})

test('netbooted: nothing of the disks is used; but what is mounted from one is', async () => {
  assert.equal((await stackOf(trees.netboot())).boot, {})
  const recording = trees.netboot()
  const mounts = recording.files['/proc/self/mountinfo'] as string
  const files = { '/proc/self/mountinfo': `${mounts}\n60 27 8:0 / /usr rw - ext4 /dev/sda rw` }
  assert.equal(Object.keys((await stackOf(recording, { files })).boot), ['sda'])
})

test('an image whose squashfs file is on a mount that is gone: memory, unless the file is on a device', async () => {
  const list = 'losetup --json --list --output NAME,BACK-MAJ:MIN'
  const gone = (dev: string) => ({
    files: { '/sys/block/loop0/loop/backing_file': '/rootfs.squashfs (deleted)' },
    commands: { [list]: trees.answer({ loopdevices: [{ name: '/dev/loop0', 'back-maj:min': dev }] }) },
  })
  const memory = await stackOf(trees.netboot(), gone('0:2'))
  assert.equal([memory.boot, memory.untraced], [{}, []])
  assert.equal(Object.keys((await stackOf(trees.netboot(), gone('8:0'))).boot), ['sda'])
  const lost = await stackOf(trees.netboot(), gone('8:99'))
  assert.match(lost.untraced.join(), 'loop0 has the file /rootfs.squashfs (deleted) on the device 8:99')
})

test('a live image from a USB stick: the stick is the boot medium, by its mount and by the command line', async () => {
  const stack = await stackOf(trees.usb())
  assert.equal(Object.keys(stack.boot), ['sdb'])
  assert.equal(nodeOf(stack, 'loop0').on, ['sdb1'])
  // Copied to memory: nothing is mounted of it, only the command line still names it.
  const copied = await stackOf(trees.netboot(), {
    files: { '/proc/cmdline': 'root=live:LABEL=hostpart rd.live.ram=1' },
  })
  assert.match(
    copied.boot.sda ?? '',
    'the kernel command line names it as boot medium: root=live:LABEL=hostpart',
  )
})

test('a live image from a virtual CD of the BMC: no disk is the boot medium, and nothing is untraced', async () => {
  const recording = trees.usb()
  const mounts = String(recording.files['/proc/self/mountinfo']).replace(
    '8:17 / /run/initramfs/live ro',
    '11:0 / /run/initramfs/live ro',
  )
  const list = { loopdevices: [{ name: '/dev/loop0', 'back-maj:min': '11:0' }] }
  trees.addDevice(recording, 'sr0', { at: 'pci0000:00/usb1/1-1/host7', dev: '11:0', size: 2 ** 30 })
  const changes = {
    files: { '/proc/self/mountinfo': mounts, '/proc/cmdline': 'root=live:CDLABEL=ISO' },
    commands: { 'losetup --json --list --output NAME,BACK-MAJ:MIN': trees.answer(list) },
  }
  const stack = await stackOf(recording, changes)
  assert.equal([stack.boot, stack.untraced, stack.unreadable], [{}, [], {}])
  assert.equal(nodeOf(stack, 'loop0').on, ['sr0'])
})

test('a root image: the disk of hostpart, though hostpart is not mounted where it is seen', async () => {
  const stack = await stackOf(trees.rootImage())
  assert.equal(Object.keys(stack.boot), ['sda'])
  assert.equal(stack.untraced, [])
})

test('a root that leads nowhere is untraced, never taken for memory', async () => {
  const recording = trees.rootImage()
  const noTool = await stackOf(recording, {
    commands: { 'losetup --json --list --output NAME,BACK-MAJ:MIN': null },
    files: { '/sys/block/loop0/loop/backing_file': '/hn-root.img (deleted)' },
  })
  assert.equal(noTool.boot, {})
  assert.equal(noTool.untraced, [
    '/: loop0 has the file /hn-root.img (deleted), of which the device is unknown',
  ])
  const mounts = (text: string) => ({ files: { '/proc/self/mountinfo': text } })
  const missing = await stackOf(recording, mounts('22 27 0:21 / /proc rw - proc proc rw'))
  assert.equal(missing.untraced, ['/: its mount is not seen'])
  const overlay = '27 1 0:31 / / rw - overlay over rw,lowerdir=/low:/more\\134:odd,upperdir=/up,workdir=/work'
  assert.is((await stackOf(recording, mounts(overlay))).untraced.length, 4)
  const odd = await stackOf(recording, mounts('27 1 0:31 / / rw - newfs none rw'))
  assert.equal(odd.untraced, ['/: newfs on unknown devices'])
  const device = await stackOf(recording, mounts('27 1 8:77 / / rw - ext4 /dev/root rw'))
  assert.equal(device.untraced, ['/: the device 8:77 is not seen'])
})

test('btrfs over two disks: both carry each mount, both are boot medium if it is the root', async () => {
  const stack = await stackOf(trees.btrfs())
  for (const name of ['sda', 'sdb']) assert.equal(nodeOf(stack, name).mounts, ['/data', '/data/home'])
  const root = '27 1 0:39 /@ / rw - btrfs /dev/sdb rw'
  const booted = await stackOf(trees.btrfs(), { files: { '/proc/self/mountinfo': root } })
  assert.equal(Object.keys(booted.boot).sort(), ['sda', 'sdb'])
})

test('a btrfs that is in use where no mount of it is seen is no free disk', async () => {
  const recording = trees.btrfs()
  const mounts = (recording.files['/proc/self/mountinfo'] as string).split('\n')
  const files = { '/proc/self/mountinfo': mounts.filter((line) => !line.includes('btrfs')).join('\n') }
  const stack = await stackOf(recording, { files })
  assert.equal(Object.keys(stack.unreadable), ['sda', 'sdb'])
  // A source that names no device: the devices in use are those of the mount.
  const renamed = mounts.map((line) => line.replace('btrfs /dev/sda', 'btrfs /dev/root')).join('\n')
  const found = await stackOf(recording, { files: { '/proc/self/mountinfo': renamed } })
  assert.equal([nodeOf(found, 'sdb').mounts, found.unreadable], [['/data', '/data/home'], {}])
})

test('a Ceph label that libblkid does not look for is found where Ceph writes it', async () => {
  const stack = await stackOf(trees.btrfs())
  assert.equal(nodeOf(stack, 'sdc').signatures, [
    {
      type: 'ceph_bluestore',
      usage: 'other',
      offset: 10 * 2 ** 30,
      uuid: '11111111-2222-3333-4444-555555555555',
    },
  ])
})

test('multipath: dm over paths, kpartx on it; hidden NVMe paths are not probed', async () => {
  const stack = await stackOf(trees.multipath())
  assert.is(nodeOf(stack, 'dm-0').dmRole, 'multipath')
  assert.is(nodeOf(stack, 'dm-1').dmRole, 'other')
  assert.is(nodeOf(stack, 'nvme0n1').kind, 'disk')
  assert.is(nodeOf(stack, 'nvme0c0n1').dev, '')
  assert.equal(stack.unreadable, {})
})

test('bcache: the device stands on its cache set, which stands on the caching disk', async () => {
  const stack = await stackOf(trees.bcache())
  assert.equal(nodeOf(stack, trees.BCACHE_SET).on, ['sdb'])
  assert.equal(nodeOf(stack, 'bcache0').on, ['sda', 'sdb', trees.BCACHE_SET])
})

test('the container of a BIOS RAID lies below its volume', async () => {
  const recording = trees.raid()
  const md1 = {
    '/sys/class/block/md1': { link: '../../devices/virtual/block/md1' },
    '/sys/class/block/md1/size': '0',
  }
  const stack = await stackOf(recording, {
    files: {
      ...md1,
      '/sys/devices/virtual/block/md1/size': '0',
      '/sys/devices/virtual/block/md1/md/metadata_version': 'external:imsm',
      '/sys/block/md1': { link: '../devices/virtual/block/md1' },
      '/sys/devices/virtual/block/md0/md/metadata_version': 'external:/md1/0',
    },
  })
  assert.equal(nodeOf(stack, 'md0').on, ['sda1', 'sdb1', 'md1'])
})

test('a stopped array that leaves its device behind is none', async () => {
  const files = { '/sys/block/md0/md/array_state': 'clear', '/sys/block/md0/slaves': null }
  const stack = await stackOf(trees.raid(), { files })
  assert.not.ok(stack.nodes.some(({ name }) => name === 'md0'))
})

test('a group that hosts share is told by LVM; without lvm it is not known', async () => {
  const shared = { pv_name: '/dev/md0', vg_name: 'vg0', vg_uuid: 'U', vg_clustered: '', vg_shared: 'shared' }
  const stack = await stackOf(trees.raid(), { commands: trees.pvs(shared) })
  assert.ok(nodeOf(stack, 'md0').volumeGroup?.shared)
  const [line = ''] = Object.keys(trees.pvs())
  const without = await stackOf(trees.raid(), { commands: { [line]: null } })
  assert.match(without.unreadable.md0 ?? '', 'pvs is not installed')
})

test('a device of which a tool says nothing sound is unreadable', async () => {
  const recording = trees.netboot()
  const wipefs = 'wipefs --no-act --json --output OFFSET,TYPE,USAGE,UUID,LABEL /dev/sda'
  const odd = await stackOf(recording, { commands: { [wipefs]: { stdout: 'nonsense', exitCode: 0 } } })
  assert.match(odd.unreadable.sda ?? '', 'wipefs gave no list')
  const failed = await stackOf(recording, { commands: { [wipefs]: { stdout: '', exitCode: 1 } } })
  assert.match(failed.unreadable.sda ?? '', 'exit code 1')
})

test('without mounts or block devices there is no answer', async () => {
  for (const path of ['/proc/self/mountinfo', '/sys/class/block', '/sys/block']) {
    try {
      await stackOf(trees.plain(), { files: { [path]: null } })
      assert.unreachable(path)
    } catch (error) {
      assert.instance(error, ReadError, path)
    }
  }
})

test.run()
