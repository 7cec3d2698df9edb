import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { forgetPartitions } from '../../src/system/block/stack/forget.ts'
import { stacksOf } from '../../src/system/block/stack/groups.ts'
import { planTeardown } from '../../src/system/block/stack/plan-teardown.ts'
import { readBlockStack } from '../../src/system/block/stack/read.ts'
import type { BlockStack } from '../../src/system/block/stack/schema.ts'
import { holdersLeft, tearDown } from '../../src/system/block/stack/tear-down.ts'
import { createExec } from '../../src/system/exec.ts'
import { createMachineRoot } from '../../src/system/machine-root.ts'

const exec = createExec()
const root = createMachineRoot()
const MIB = 2 ** 20

const run = (file: string, ...args: string[]) => exec(file, args, { timeout: 30_000 })

/** Loop devices over sparse files, and a folder for mounts; all of it is gone at the end, whatever happens. */
async function withLoops(
  count: number,
  work: (loops: { name: string; path: string }[], dir: string) => Promise<void>,
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'speediso-stack-'))
  const loops: { name: string; path: string }[] = []
  const undo: string[] = []
  try {
    for (let i = 0; i < count; i += 1) {
      const file = join(dir, `disk${i}`)
      writeFileSync(file, '')
      truncateSync(file, 256 * MIB)
      const { stdout } = await run('losetup', '--find', '--show', '--partscan', file)
      const path = stdout.trim()
      undo.push(path)
      loops.push({ name: basename(path), path })
    }
    await work(loops, dir)
  } finally {
    await cleanUp(dir, undo)
  }
}

async function cleanUp(dir: string, loops: string[]): Promise<void> {
  const mounts = (await root.readText('/proc/self/mountinfo')) ?? ''
  const own = mounts.split('\n').flatMap((line) => line.split(' ')[4] ?? [])
  for (const mountPoint of own.filter((each) => each.startsWith(`${dir}/`)).toReversed()) {
    await run('umount', mountPoint).catch(() => {})
  }
  const swaps = (await root.readText('/proc/swaps')) ?? ''
  for (const path of swaps.split('\n').map((line) => line.split(/\s/)[0] ?? '')) {
    const ours = path.startsWith(`${dir}/`) || loops.some((loop) => path.startsWith(loop))
    if (ours) await run('swapoff', path).catch(() => {})
  }
  const all = await run('losetup', '--list', '--noheadings', '--output', 'NAME,BACK-FILE')
  for (const line of all.stdout.split('\n').filter((each) => each.includes(`${dir}/`))) {
    await run('losetup', '--detach', line.split(/\s+/)[0] ?? '').catch(() => {})
  }
  for (const loop of loops) await run('losetup', '--detach', loop).catch(() => {})
  rmSync(dir, { recursive: true, force: true })
}

function nodeOf(stack: BlockStack, name: string) {
  const node = stack.nodes.find((each) => each.name === name)
  if (node === undefined) throw new Error(`no ${name}`)
  return node
}

const said: string[] = []
const deps = {
  exec,
  root,
  signal: new AbortController().signal,
  log: (_: string, message: string) => void said.push(message),
}

/** GPT with two partitions: ext4 and swap. */
async function partition(path: string): Promise<void> {
  await exec('sfdisk', ['--quiet', path], { input: 'label: gpt\nsize=100M\nsize=100M\n', timeout: 30_000 })
  // The kernel may have been built without a reader of GPT.
  await run('partx', '--update', path)
  await run('mkfs.ext4', '-q', '-L', 'data', `${path}p1`)
  await run('mkswap', `${path}p2`)
}

test('partitions, nested and bind mounts, swap, and a loop device in a file of it: read, taken apart, free', () =>
  withLoops(1, async ([loop], dir) => {
    if (loop === undefined) throw new Error('no loop device')
    const { name, path } = loop
    await partition(path)
    const [at, bound, inner] = ['at', 'bound', 'inner'].map((each) => join(dir, each)) as [
      string,
      string,
      string,
    ]
    for (const each of [at, bound, inner]) mkdirSync(each)
    await run('mount', `${path}p1`, at)
    await run('mount', '--bind', at, bound)
    await run('mount', '-t', 'tmpfs', 'none', join(at, 'lost+found'))
    await run('mount', '--bind', at, at)
    writeFileSync(join(at, 'image with space'), '')
    truncateSync(join(at, 'image with space'), 32 * MIB)
    const second = (await run('losetup', '--find', '--show', join(at, 'image with space'))).stdout.trim()
    await run('mkfs.ext4', '-q', second)
    await run('mount', second, inner)
    await run('swapon', `${path}p2`)

    const stack = await readBlockStack(root, exec)
    assert.equal(nodeOf(stack, `${name}p1`).on, [name])
    assert.is(nodeOf(stack, `${name}p1`).mounts.filter((each) => each === at).length, 2)
    assert.ok(nodeOf(stack, `${name}p1`).mounts.includes(bound))
    assert.ok(nodeOf(stack, `${name}p2`).swap)
    assert.equal(nodeOf(stack, basename(second)).on, [`${name}p1`])
    const label = nodeOf(stack, `${name}p1`).signatures.map(
      (each) => `${each.type} ${each.label} ${each.offset}`,
    )
    assert.equal(label, ['ext4 data 1080'])
    assert.ok(nodeOf(stack, name).signatures.some(({ type }) => type === 'gpt'))

    const { actions, blocked, others } = planTeardown(stack, [name])
    assert.equal([blocked, others], [null, []])
    assert.ok((await holdersLeft(root, [name], { exec })).length > 0)
    const { failed } = await tearDown(actions, deps)
    assert.equal(failed, [])
    assert.equal(await holdersLeft(root, [name], { exec }), [])
    const after = planTeardown(await readBlockStack(root, exec), [name])
    assert.equal(after.actions, [])
  }))

test('a busy mount is named with its user, nothing is unmounted lazily, and the disk is not called free', () =>
  withLoops(1, async ([loop], dir) => {
    if (loop === undefined) throw new Error('no loop device')
    const at = join(dir, 'at')
    mkdirSync(at)
    await run('mkfs.ext4', '-q', loop.path)
    await run('mount', loop.path, at)
    let user: ChildProcess | undefined
    try {
      user = spawn('sleep', ['60'], { cwd: at, stdio: 'ignore' })
      await new Promise((resolve) => user?.once('spawn', resolve))
      const stack = await readBlockStack(root, exec)
      const { done, failed } = await tearDown(planTeardown(stack, [loop.name]).actions, {
        ...deps,
        disks: [loop.name],
      })
      assert.equal(done, [])
      assert.match(failed[0]?.error ?? '', `sleep (${user.pid})`)
      assert.match(
        (await holdersLeft(root, [loop.name], { exec })).join(),
        `${loop.name} is mounted at ${at}`,
      )
    } finally {
      const ended = new Promise((resolve) => user?.once('exit', resolve))
      if (user?.kill('SIGKILL')) await ended
    }
    const again = planTeardown(await readBlockStack(root, exec), [loop.name])
    assert.equal((await tearDown(again.actions, deps)).failed, [])
    assert.equal(await holdersLeft(root, [loop.name], { exec }), [])
  }))

test('what another mount namespace has mounted holds the disk, though no table shows it', () =>
  withLoops(1, async ([loop], dir) => {
    if (loop === undefined) throw new Error('no loop device')
    const at = join(dir, 'at')
    mkdirSync(at)
    await run('mkfs.ext4', '-q', loop.path)
    const script = 'mount "$1" "$2" && echo ready && exec sleep 60'
    const elsewhere = spawn('unshare', ['--mount', 'sh', '-c', script, 'sh', loop.path, at], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    try {
      await new Promise((resolve, reject) => {
        elsewhere.stdout.once('data', resolve)
        elsewhere.once('exit', reject)
      })
      assert.equal(nodeOf(await readBlockStack(root, exec), loop.name).mounts, [])
      assert.match(
        (await holdersLeft(root, [loop.name], { exec })).join(),
        'perhaps in another mount namespace',
      )
    } finally {
      const ended = new Promise((resolve) => elsewhere.once('exit', resolve))
      if (elsewhere.exitCode === null && elsewhere.kill('SIGKILL')) await ended
    }
    assert.equal(await holdersLeft(root, [loop.name], { exec }), [])
  }))

test('btrfs over two devices belongs to both', () =>
  withLoops(3, async ([one, two, three], dir) => {
    if (one === undefined || two === undefined || three === undefined) throw new Error('no loop devices')
    const at = join(dir, 'at')
    mkdirSync(at)
    await run('mkfs.btrfs', '-q', '-f', one.path, two.path)
    const idle = await readBlockStack(root, exec)
    assert.equal(planTeardown(idle, [one.name]).others, [two.name])
    await run('mount', one.path, at)
    const stack = await readBlockStack(root, exec)
    assert.equal(nodeOf(stack, two.name).mounts, [at])
    assert.equal(stacksOf(stack, [three.name, two.name, one.name]), [[three.name], [two.name, one.name]])
    const { actions, others } = planTeardown(stack, [two.name])
    assert.equal(others, [one.name])
    assert.equal((await tearDown(actions, deps)).failed, [])
    assert.equal(await holdersLeft(root, [one.name, two.name], { exec }), [])
  }))

test('the disk that this very system runs from is the boot medium, and blocked', async () => {
  const stack = await readBlockStack(root, exec)
  const mounts = (await root.readText('/proc/self/mountinfo')) ?? ''
  const device = /^\S+ \S+ (\d+:\d+) \/ \/ /m.exec(mounts)?.[1]
  const below = stack.nodes.find(({ dev }) => dev === device)
  if (below === undefined) {
    assert.equal(stack.boot, {}, 'the root is in memory')
    return
  }
  const [disk] = Object.keys(stack.boot)
  assert.ok(disk)
  assert.match(planTeardown(stack, [disk as string]).blocked ?? '', 'this system runs from it')
})

test('Ceph labels beyond the first are found on a real device, and an empty one has none', () =>
  withLoops(1, async (_, dir) => {
    const file = join(dir, 'big')
    writeFileSync(file, '')
    truncateSync(file, 11 * 1024 * MIB)
    const path = (await run('losetup', '--find', '--show', file)).stdout.trim()
    const look = async () => nodeOf(await readBlockStack(root, exec), basename(path)).signatures
    assert.equal(await look(), [])
    const disk = await open(path, 'r+')
    const label = Buffer.from('bluestore block device\n11111111-2222-3333-4444-555555555555\n')
    await disk.write(label, 0, label.length, 10 * 1024 * MIB)
    await disk.sync()
    await disk.close()
    const uuid = '11111111-2222-3333-4444-555555555555'
    assert.equal(await look(), [{ type: 'ceph_bluestore', usage: 'other', offset: 10 * 1024 * MIB, uuid }])
  }))

test('after a wipe the kernel forgets partitions; while one is in use it keeps them, and that is told', () =>
  withLoops(1, async ([loop], dir) => {
    if (loop === undefined) throw new Error('no loop device')
    const { name, path } = loop
    const at = join(dir, 'at')
    mkdirSync(at)
    await partition(path)
    await run('mount', `${path}p1`, at)
    await run('wipefs', '--all', '--force', path)
    const kept = await forgetPartitions(path, deps)
    assert.equal(kept.partitions, [`${name}p1`, `${name}p2`])
    assert.match(kept.trouble.join(), 'busy')
    await run('umount', at)
    assert.equal(await forgetPartitions(path, deps), { partitions: [], trouble: [] })
    assert.not.ok(await root.exists(`/sys/class/block/${name}p1`))
  }))

test.run()
