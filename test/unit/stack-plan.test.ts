import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { describeNode } from '../../src/system/block/stack/describe.ts'
import { multipathGroups, samePaths, stacksOf } from '../../src/system/block/stack/groups.ts'
import { planTeardown } from '../../src/system/block/stack/plan-teardown.ts'
import { readBlockStack } from '../../src/system/block/stack/read.ts'
import type { BlockStack, TeardownAction } from '../../src/system/block/stack/schema.ts'
import { sharedEvidence } from '../../src/system/block/stack/shared.ts'
import * as trees from '../fixtures/stack/trees.ts'
import { openTree, type Recording } from './helpers/machine-tree.ts'

async function stackOf(recording: Recording, mounts: string[] = []): Promise<BlockStack> {
  const all = [recording.files['/proc/self/mountinfo'], ...mounts].join('\n')
  const { root, exec } = openTree(recording, { files: { '/proc/self/mountinfo': all } })
  return readBlockStack(root, exec)
}

/** Actions in short: what is done, to what. */
const short = (actions: readonly TeardownAction[]) =>
  actions.map((action) => {
    const what =
      'mountPoint' in action
        ? action.mountPoint
        : 'dmName' in action
          ? action.dmName
          : 'path' in action
            ? action.path
            : 'name' in action
              ? action.name
              : action.pool
    return `${action.act} ${what}`
  })

test('a tower of md, LVM and LUKS comes apart from the top, with swap first', async () => {
  const plan = planTeardown(await stackOf(trees.raid()), ['sda'])
  assert.is(plan.blocked, null)
  assert.equal(short(plan.actions), [
    'swapoff /dev/dm-2',
    'unmount /mnt',
    'close-crypt secret',
    'deactivate-lvm vg0-swap',
    'deactivate-lvm vg0-lv--secret',
    'stop-md /dev/md0',
  ])
  assert.equal(plan.others, ['sdb'])
})

test('a disk on which nothing stands needs nothing, and takes no other disk along', async () => {
  const stack = await stackOf(trees.raid())
  assert.equal(planTeardown(stack, ['sdc']), { actions: [], blocked: null, others: [] })
  assert.equal(planTeardown(stack, ['sda', 'sdb']).others, [])
})

test('child mounts, bind mounts and swap files go before the file system', async () => {
  const stack = await stackOf(trees.plain())
  assert.equal(short(planTeardown(stack, ['sdb']).actions), [
    'swapoff /srv/swap file',
    'unmount /var/www',
    'unmount /srv/tmp',
    'unmount /srv',
  ])
})

test('stacked mounts, a mount that hides others, an overlay and a loop device over a file', async () => {
  const recording = trees.netboot()
  const files = { 'loop/backing_file': '/mnt/disk.img' }
  trees.addDevice(recording, 'loop5', { dev: '7:5', size: 2 ** 20, files })
  const list = [
    { name: '/dev/loop0', 'back-maj:min': '0:28' },
    { name: '/dev/loop5', 'back-maj:min': '8:0' },
  ]
  recording.commands['losetup --json --list --output NAME,BACK-MAJ:MIN'] = trees.answer({ loopdevices: list })
  const stack = await stackOf(recording, [
    '50 27 8:0 / /mnt rw - ext4 /dev/sda rw',
    '51 50 8:0 / /mnt rw - ext4 /dev/sda rw',
    '52 27 7:5 / /inner rw - ext4 /dev/loop5 rw',
    '53 27 8:0 /sub /a/b rw - ext4 /dev/sda rw',
    '54 27 0:50 / /a rw - tmpfs none rw',
    '55 27 0:51 / /merged rw - overlay over rw,lowerdir=/mnt/low,upperdir=/tmp/up,workdir=/tmp/work',
  ])
  const { actions, blocked, others } = planTeardown(stack, ['sda'])
  assert.is(blocked, null)
  assert.equal(others, [])
  const order = short(actions)
  assert.equal([...order].sort(), [
    'detach-loop /dev/loop5',
    'unmount /a',
    'unmount /a/b',
    'unmount /inner',
    'unmount /merged',
    'unmount /mnt',
    'unmount /mnt',
  ])
  const before = (first: string, second: string) =>
    assert.ok(order.indexOf(first) < order.indexOf(second), first)
  before('unmount /a', 'unmount /a/b')
  before('unmount /inner', 'detach-loop /dev/loop5')
  before('detach-loop /dev/loop5', 'unmount /mnt')
  before('unmount /merged', 'unmount /mnt')
})

test('multipath goes last; bcache, then its cache set', async () => {
  const paths = planTeardown(await stackOf(trees.multipath()), ['sda', 'sdb'])
  assert.equal(short(paths.actions), ['remove-dm mpatha-part1', 'remove-dm mpatha'])
  const cached = planTeardown(await stackOf(trees.bcache()), ['sdb'])
  assert.equal(short(cached.actions), [
    'unmount /mnt',
    'stop-bcache bcache0',
    `stop-bcache ${trees.BCACHE_SET}`,
  ])
  assert.equal(cached.others, ['sda'])
})

test('a file system over several disks is unmounted for each of them', async () => {
  const plan = planTeardown(await stackOf(trees.btrfs()), ['sdb'])
  assert.equal(short(plan.actions), ['unmount /data/home', 'unmount /data'])
  assert.equal(plan.others, ['sda'])
})

test('members that the kernel does not have in use take their fellows along too', async () => {
  const stack = await stackOf(trees.raid())
  const nodes = stack.nodes.filter(({ name }) => !/^(md|dm)/.test(name))
  const idle = { ...stack, nodes, mounts: stack.mounts.filter(({ mountPoint }) => mountPoint !== '/mnt') }
  assert.equal(planTeardown(idle, ['sda']), { actions: [], blocked: null, others: ['sdb'] })
})

test('a loop device that is chosen itself: its disk is no other, and it is not detached', async () => {
  const stack = await stackOf(trees.rootImage(), ['50 27 7:5 / /x rw - ext4 /dev/loop5 rw'])
  const loop5 = {
    ...stack.nodes[0],
    name: 'loop5',
    path: '/dev/loop5',
    dev: '7:5',
    kind: 'loop',
    on: ['sda1'],
  }
  const more = { ...stack, nodes: [...stack.nodes, loop5 as BlockStack['nodes'][number]] }
  assert.equal(planTeardown(more, ['loop5']), { actions: [], blocked: null, others: [] })
})

test('blocked: the boot medium, what cannot be read, what nobody can stop, what the system needs', async () => {
  const blocked = (stack: BlockStack, ...disks: string[]) => {
    const plan = planTeardown(stack, disks)
    assert.equal(plan.actions, [])
    return plan.blocked ?? ''
  }
  const raid = await stackOf(trees.raid())
  assert.match(blocked(await stackOf(trees.plain()), 'sdb', 'sda'), 'sda: this system runs from it')
  assert.match(blocked(raid, 'sdz'), 'sdz is not there')
  assert.match(blocked({ ...raid, unreadable: { 'dm-1': 'it hangs' } }, 'sda'), 'dm-1: it hangs')
  assert.is(planTeardown({ ...raid, unreadable: { 'dm-1': 'it hangs' } }, ['sdc']).blocked, null)
  // Nobody knows where it stands.
  assert.match(blocked({ ...raid, unreadable: { 'dm-9': 'not readable' } }, 'sdc'), 'dm-9: not readable')
  const drbd = { ...raid.nodes[0], name: 'drbd0', kind: 'other', on: ['sdc'] } as BlockStack['nodes'][number]
  assert.match(blocked({ ...raid, nodes: [...raid.nodes, drbd] }, 'sdc'), 'drbd0 stands on it')
  const live = await stackOf(trees.netboot())
  assert.match(blocked(live, 'loop0'), '/ of this system stands on it')
  const circle = raid.nodes.map((node) => (node.name === 'md0' ? { ...node, on: ['sda1', 'dm-1'] } : node))
  assert.match(blocked({ ...raid, nodes: circle }, 'sda'), 'stands on itself')
})

test('a mount of another disk that is in the way is not unmounted silently: it blocks', async () => {
  const nested = [
    '50 27 8:0 / /mnt rw - ext4 /dev/sda rw',
    '51 50 8:16 / /mnt/sub rw - ext4 /dev/sdb rw',
    '52 51 0:60 / /mnt/sub/memory rw - tmpfs none rw',
  ]
  const both = () => {
    const recording = trees.netboot()
    trees.addDevice(recording, 'sdb', { at: 'pci0000:00/ata9', dev: '8:16', size: 2 ** 20 })
    trees.addDevice(recording, 'nbd0', { dev: '43:0', size: 2 ** 20 })
    return recording
  }
  const stack = await stackOf(both(), nested)
  const reason = '/mnt/sub would have to be unmounted first, and that is of sdb'
  const alone = planTeardown(stack, ['sda'])
  assert.equal([alone.actions, alone.blocked], [[], reason])
  // Nothing of sda stands on sdb, and with both nothing else is touched.
  const order = ['unmount /mnt/sub/memory', 'unmount /mnt/sub']
  assert.equal(short(planTeardown(stack, ['sdb']).actions), order)
  assert.equal(short(planTeardown(stack, ['sda', 'sdb']).actions), [...order, 'unmount /mnt'])
  assert.equal(short(planTeardown(stack, ['sda'], ['sda', 'sdb']).actions), [...order, 'unmount /mnt'])
  const remote = await stackOf(both(), [nested[0] ?? '', '51 50 43:0 / /mnt/sub rw - ext4 /dev/nbd0 rw'])
  assert.is(planTeardown(remote, ['sda']).blocked, reason.replace('sdb', 'nbd0'))
  // Of the same disk, and one that only hides the other.
  const same = await stackOf(both(), [nested[0] ?? '', '51 50 8:0 / /mnt/sub rw - ext4 /dev/sda rw'])
  assert.is(planTeardown(same, ['sda']).blocked, null)
  const hiding = ['50 27 8:0 / /a/b rw - ext4 /dev/sda rw', '51 27 8:16 / /a rw - ext4 /dev/sdb rw']
  const hidden = await stackOf(both(), hiding)
  assert.is(planTeardown(hidden, ['sda']).blocked, '/a would have to be unmounted first, and that is of sdb')
  assert.is(planTeardown(hidden, ['sdb']).blocked, null)
})

test('groups: what shares an array, a file system or nested mounts belongs together', async () => {
  assert.equal(stacksOf(await stackOf(trees.raid()), ['sdc', 'sdb', 'sda']), [['sdc'], ['sdb', 'sda']])
  assert.equal(stacksOf(await stackOf(trees.btrfs()), ['sda', 'sdb', 'sdc']), [['sda', 'sdb'], ['sdc']])
  assert.equal(stacksOf(await stackOf(trees.plain()), ['sda', 'sdb']), [['sda', 'sdb']])
  assert.equal(stacksOf(await stackOf(trees.netboot()), ['sda']), [['sda']])
  const raid = await stackOf(trees.raid())
  const idle = { ...raid, nodes: raid.nodes.filter(({ name }) => !/^(md|dm)/.test(name)), swapFiles: [] }
  assert.equal(stacksOf(idle, ['sda', 'sdc', 'sdb']), [['sda', 'sdb'], ['sdc']])
})

test('paths of one drive: by multipath, or else by WWN, or else by serial number', async () => {
  assert.equal(multipathGroups(await stackOf(trees.multipath())), [['sda', 'sdb']])
  assert.equal(multipathGroups(await stackOf(trees.raid())), [])
  assert.equal(
    samePaths([
      { name: 'sda', wwn: '0x5000C500A', serial: 'S1' },
      { name: 'sdb', wwn: '0x5000c500a', serial: 'S1' },
      { name: 'nvme0n1', wwn: 'eui.1', serial: 'N' },
      { name: 'nvme0n2', wwn: 'eui.2', serial: 'N' },
      { name: 'sdc', serial: 'T' },
      { name: 'sdd', serial: 'T' },
      { name: 'sde' },
      { name: 'sdf' },
    ]),
    [
      ['sda', 'sdb'],
      ['sdc', 'sdd'],
    ],
  )
})

test('evidence that other hosts use a disk: transport, what lies on it, what stands on it', async () => {
  const paths = await stackOf(trees.multipath())
  assert.is(sharedEvidence('iscsi', paths, 'nvme0n1'), 'it is attached by iSCSI')
  assert.is(sharedEvidence('fc', paths, 'nvme0n1'), 'it is attached by Fibre Channel')
  assert.is(sharedEvidence('nvme-fabrics', paths, 'nvme0n1'), 'it is attached by NVMe over Fabrics')
  assert.is(sharedEvidence('srp', paths, 'nvme0n1'), 'it is attached by SRP (InfiniBand)')
  for (const transport of ['other', undefined] as const) {
    assert.is(sharedEvidence(transport, paths, 'nvme0n1'), 'how it is attached is not known')
  }
  assert.is(sharedEvidence('sas', paths, 'sdb'), 'dm-1 on it is a GFS2 cluster file system')
  const changed = (name: string, change: Partial<BlockStack['nodes'][number]>) => ({
    nodes: paths.nodes.map((node) => (node.name === name ? { ...node, ...change } : node)),
  })
  const holding = (type: string, label?: string) =>
    changed('nvme0n1', {
      signatures: [{ type, usage: 'other', offset: 0, ...(label === undefined ? {} : { label }) }],
    })
  for (const type of ['VMFS_volume_member', 'ocfs2', 'drbd', 'gpfs']) {
    assert.match(sharedEvidence('nvme', holding(type), 'nvme0n1') ?? '', /^it holds /, type)
  }
  assert.match(sharedEvidence('nvme', holding('ext4', 'scratch-OST0003'), 'nvme0n1') ?? '', 'Lustre')
  const volumeGroup = { uuid: 'u', name: 'san', shared: true }
  assert.match(sharedEvidence(undefined, changed('nvme0n1', { volumeGroup }), 'nvme0n1') ?? '', 'group san')
  const partitionType = '37AFFC90-EF7D-4E96-91C3-2D7AE055B174'
  assert.match(sharedEvidence(undefined, changed('nvme0n1', { partitionType }), 'nvme0n1') ?? '', 'GPFS')
  for (const type of ['ceph_bluestore', 'ext4', 'LVM2_member', 'zfs_member']) {
    assert.is(sharedEvidence('nvme', holding(type, 'root'), 'nvme0n1'), undefined, type)
  }
  const own = changed('nvme0n1', { volumeGroup: { ...volumeGroup, shared: false } })
  assert.is(sharedEvidence('sata', own, 'nvme0n1'), undefined)
})

test('what is on a disk, for people', async () => {
  assert.equal(
    describeNode(await stackOf(trees.plain()), 'sda').map((line) => line.split(', this system')[0]),
    [
      'sda gpt',
      '  sda1 vfat label EFI, mounted at /boot/efi',
      '  sda2 ext4 label root, mounted at /',
      '  sda3 swap, in use as swap',
    ],
  )
  assert.equal(describeNode(await stackOf(trees.raid()), 'sdb'), [
    'sdb gpt',
    '  sdb1 linux_raid_member label old:0',
    '    md0 (RAID) LVM2_member of volume group vg0',
    '      vg0-lv--secret (LVM, dm-0) crypto_LUKS',
    '        secret (opened LUKS, dm-1) ext4 label secret, mounted at /mnt',
    '      vg0-swap (LVM, dm-2) no known content, in use as swap',
  ])
  const stack = await stackOf(trees.raid())
  assert.equal(describeNode({ ...stack, silent: { sdc: 'read error at byte 0' } }, 'sdc'), [
    'sdc, not readable: read error at byte 0',
  ])
  assert.equal(describeNode(stack, 'sdc'), ['sdc no known content'])
  assert.equal(describeNode(stack, 'sdz'), ['sdz: not there'])
})

test.run()
