import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CommandError, ToolMissingError } from '../../src/errors.ts'
import { volumeOf } from '../../src/system/block/stack/act.ts'
import { forgetPartitions } from '../../src/system/block/stack/forget.ts'
import { planTeardown } from '../../src/system/block/stack/plan-teardown.ts'
import { readBlockStack } from '../../src/system/block/stack/read.ts'
import type { TeardownAction } from '../../src/system/block/stack/schema.ts'
import { holdersLeft, tearDown } from '../../src/system/block/stack/tear-down.ts'
import type { Exec } from '../../src/system/exec.ts'
import * as trees from '../fixtures/stack/trees.ts'
import type { Recording } from './helpers/machine-tree.ts'
import { createMemoryRoot, type MemoryRoot } from './helpers/memory-root.ts'
import { temporaryDir } from './helpers/temporary.ts'

type Way = (machine: { root: MemoryRoot; gone(name: string): void }, args: readonly string[]) => void

/** A machine on which programs change what the kernel shows. */
function machineOf(recording: Recording, ways: Record<string, Way> = {}, dir = '/recording') {
  const root = createMemoryRoot(dir)
  for (const [path, entry] of Object.entries(recording.files))
    if (typeof entry === 'object') root.put(path, entry)
  for (const [path, entry] of Object.entries(recording.files)) root.put(path, entry)
  const ran: string[] = []
  const said: string[] = []
  const exec: Exec = async (file, args) => {
    const line = [file, ...args].join(' ')
    const recorded = recording.commands[line]
    if (recorded !== undefined) return { ...recorded, stderr: '' }
    ran.push(line)
    const way = ways[file]
    if (way === undefined) throw new ToolMissingError(`${file}: not installed`)
    way(machine, args)
    return { stdout: '', stderr: '', exitCode: 0 }
  }
  const machine = {
    root,
    exec,
    ran,
    said,
    gone(name: string) {
      for (const path of [`/sys/class/block/${name}`, `/sys/block/${name}`]) root.put(path, null)
    },
    deps: {
      root,
      exec,
      signal: new AbortController().signal,
      log: (level: string, message: string) => void said.push(`${level}: ${message}`),
    },
  }
  const unmount: Way = (_, [mountPoint]) => {
    const path = '/proc/self/mountinfo'
    const lines = String(recording.files[path]).split('\n')
    const last = lines.findLastIndex((line) => line.split(' ')[4] === mountPoint)
    recording.files[path] = lines.filter((_, index) => index !== last).join('\n')
    root.put(path, recording.files[path] ?? '')
  }
  ways.umount ??= unmount
  ways.swapoff ??= () => root.put('/proc/swaps', 'Filename Type Size Used Priority')
  return machine
}

const fail = (message: string) => {
  throw new CommandError(message, { facts: {} })
}

const raidWays = (): Record<string, Way> => ({
  cryptsetup: (machine) => machine.gone('dm-1'),
  lvchange: (machine, args) => machine.gone(args.at(-1) === 'vg0/swap' ? 'dm-2' : 'dm-0'),
  mdadm: (machine) => machine.gone('md0'),
  udevadm: () => {},
})

async function planOf(recording: Recording, disks: string[]): Promise<TeardownAction[]> {
  const { root, exec } = machineOf(recording)
  const { actions, blocked } = planTeardown(await readBlockStack(root, exec), disks)
  assert.is(blocked, null)
  return actions
}

test('a tower comes apart, and then nothing holds the disks', async () => {
  const recording = trees.raid()
  const actions = await planOf(recording, ['sda', 'sdb'])
  const machine = machineOf(recording, raidWays())
  const openAlone = async () => null
  assert.equal(await holdersLeft(machine.root, ['sda'], { exec: machine.exec, openAlone }), [
    'md0 stands on sda',
    'vg0-lv--secret stands on sda',
    'vg0-swap stands on sda',
    'secret stands on sda',
    'dm-2 is in use as swap',
    'dm-1 is mounted at /mnt',
  ])
  const { done, failed } = await tearDown(actions, machine.deps)
  assert.equal(failed, [])
  assert.equal(done, actions)
  assert.equal(machine.ran, [
    'swapoff /dev/dm-2',
    'umount /mnt',
    'cryptsetup close secret',
    'lvchange --yes -an vg0/swap',
    'lvchange --yes -an vg0/lv-secret',
    'mdadm --stop /dev/md0',
    'udevadm settle --timeout=30',
  ])
  assert.equal(await holdersLeft(machine.root, ['sda', 'sdb'], { exec: machine.exec, openAlone }), [])
})

test('the kernel has the last word: a disk that cannot be opened alone is held', async () => {
  const { root, exec } = machineOf(trees.netboot())
  const opened: string[] = []
  const openAlone = async (path: string) => {
    opened.push(path.slice(root.dir.length))
    return 'held'
  }
  assert.equal(await holdersLeft(root, ['sda', 'sdz'], { exec, openAlone }), [
    'sda: held',
    'sdz is not there',
  ])
  assert.equal(opened, ['/dev/sda'])
})

test('other ways: dmsetup when LVM or cryptsetup refuse, sysfs when mdadm is missing', async () => {
  const recording = trees.raid()
  const actions = await planOf(recording, ['sda'])
  const names: Record<string, string> = { secret: 'dm-1', 'vg0-swap': 'dm-2', 'vg0-lv--secret': 'dm-0' }
  const machine = machineOf(
    recording,
    {
      cryptsetup: () => fail('cryptsetup ended with exit code 5: Device secret is still in use'),
      lvchange: () => fail('lvchange ended with exit code 5: Cannot process volume group vg0'),
      dmsetup: (at, args) => at.gone(names[args.at(-1) ?? ''] ?? ''),
    },
    temporaryDir(),
  )
  const state = machine.root.path('/sys/class/block/md0/md/array_state')
  mkdirSync(dirname(state), { recursive: true })
  writeFileSync(state, 'active')
  const before = machine.exec
  const exec: Exec = (file, args, options) => {
    const result = before(file, args, options)
    // The array goes as soon as its state is written.
    result.catch(() => setTimeout(() => readFileSync(state, 'utf8') === 'clear' && machine.gone('md0'), 30))
    return result
  }
  const { failed } = await tearDown(actions, { ...machine.deps, exec })
  assert.equal(failed, [])
  assert.is(readFileSync(state, 'utf8'), 'clear')
  assert.ok(machine.ran.includes('dmsetup remove --retry vg0-lv--secret'))
})

test('a busy mount is named with who uses it, and what is below it is not touched', async () => {
  const recording = trees.raid()
  const actions = await planOf(recording, ['sda'])
  const machine = machineOf(recording, {
    ...raidWays(),
    umount: () => fail('umount ended with exit code 32: target is busy.'),
  })
  machine.root.put('/proc/77/comm', 'mysqld')
  machine.root.put('/proc/77/fd/3', { link: '/mnt/data/ibdata1' })
  machine.root.put('/proc/78/comm', 'bystander')
  machine.root.put('/proc/78/cwd', { link: '/mnt2' })
  machine.root.put('/proc/79/cwd', { link: '/mnt' })
  const { done, failed } = await tearDown(actions, machine.deps)
  assert.equal(
    done.map(({ act }) => act),
    ['swapoff', 'deactivate-lvm'],
  )
  assert.equal(
    failed.map(({ action }) => action.act),
    ['unmount', 'close-crypt', 'deactivate-lvm', 'stop-md'],
  )
  assert.match(failed[0]?.error ?? '', 'target is busy.; used by mysqld (77), a process (79)')
  assert.match(failed[1]?.error ?? '', 'dm-1 is still in use: dm-1 is mounted at /mnt')
  assert.not.ok(machine.ran.some((line) => line.startsWith('mdadm')))
})

test('exit code 0 is no proof: what is still there has failed', async () => {
  const recording = trees.raid()
  const machine = machineOf(recording, { umount: () => {} })
  const { done, failed } = await tearDown([{ act: 'unmount', mountPoint: '/mnt' }], machine.deps)
  assert.equal(done, [])
  assert.match(failed[0]?.error ?? '', '/mnt was unmounted and is still mounted')
})

test('what is not there any more is done without a word to any program', async () => {
  const machine = machineOf(trees.netboot())
  const actions: TeardownAction[] = [
    { act: 'unmount', mountPoint: '/mnt' },
    { act: 'swapoff', path: '/dev/sda3' },
    { act: 'stop-md', path: '/dev/md0' },
    { act: 'close-crypt', path: '/dev/dm-0', dmName: 'secret' },
    { act: 'stop-bcache', name: 'bcache0' },
    { act: 'detach-loop', path: '/dev/loop7' },
    { act: 'export-zfs', pool: 'tank' },
  ]
  const { done, failed } = await tearDown(actions, machine.deps)
  assert.equal([done, failed], [actions, []])
  assert.equal(machine.ran, ['udevadm settle --timeout=30'])
})

test('an array that udev has started again is stopped once more', async () => {
  const recording = trees.raid()
  const actions = await planOf(recording, ['sda', 'sdb'])
  let settled = 0
  const machine = machineOf(recording, {
    ...raidWays(),
    mdadm: (at, args) => at.gone(args[1] === '/dev/md127' ? 'md127' : 'md0'),
    udevadm: (at) => {
      settled += 1
      if (settled > 1) return
      const again: Recording = { files: {}, commands: {} }
      const files = { 'md/array_state': 'active' }
      trees.addDevice(again, 'md127', { dev: '9:127', size: 4096, slaves: ['sda1', 'sdb1'], files })
      for (const [path, entry] of Object.entries(again.files)) at.root.put(path, entry)
    },
  })
  const { done, failed } = await tearDown(actions, { ...machine.deps, disks: ['sda', 'sdb'] })
  assert.equal(failed, [])
  assert.equal(done.at(-1), { act: 'stop-md', path: '/dev/md127' })
  assert.ok(machine.said.some((line) => line.includes('md127 stands on sda, md127 stands on sdb')))
})

test('what udev starts over the boot medium is not stopped', async () => {
  const recording = trees.usb()
  const machine = machineOf(recording, { udevadm: () => {} })
  const { done } = await tearDown([], { ...machine.deps, disks: ['sdb'] })
  assert.equal(done, [])
  assert.equal(machine.ran, ['udevadm settle --timeout=30'])
  assert.ok(
    machine.said.some((line) => line.includes('cannot be taken apart: sdb: this system runs from it')),
  )
})

test('a cancelled task stops taking apart', async () => {
  const machine = machineOf(trees.netboot())
  const action: TeardownAction = { act: 'unmount', mountPoint: '/mnt' }
  try {
    await tearDown([action], { ...machine.deps, signal: AbortSignal.abort(new Error('enough')) })
    assert.unreachable()
  } catch (error) {
    assert.is((error as Error).message, 'enough')
  }
})

test('names of logical volumes', () => {
  assert.is(volumeOf('vg0-root'), 'vg0/root')
  assert.is(volumeOf('vg--a-lv--b'), 'vg-a/lv-b')
  assert.is(volumeOf('vg-pool-tpool'), 'vg/pool')
  assert.is(volumeOf('vg---a-x'), 'vg-/a')
})

test('partitions are forgotten: what the kernel keeps, and why, is told', async () => {
  const recording = trees.plain()
  const calls: string[] = []
  const { root } = machineOf(recording)
  const exec: Exec = async (file, args) => {
    calls.push([file, ...args].join(' '))
    if (args[0] === '--rereadpt') return fail('blockdev ended with exit code 1: Device or resource busy')
    return { stdout: '', stderr: '', exitCode: 0 }
  }
  const kept = await forgetPartitions('/dev/sda', { exec, root })
  assert.equal(calls, ['blockdev --flushbufs /dev/sda', 'blockdev --rereadpt /dev/sda'])
  assert.equal(kept.trouble, ['blockdev ended with exit code 1: Device or resource busy'])
  assert.equal(
    await forgetPartitions('/dev/sdb', { exec: async () => ({ stdout: '', stderr: '', exitCode: 0 }), root }),
    {
      partitions: [],
      trouble: [],
    },
  )
})

test.run()
