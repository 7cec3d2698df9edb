import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  copyFileSync,
  cpSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { explain } from '../../src/errors.ts'
import { FrozenError, SettleError, settle } from '../../src/root/freeze.ts'
import { createStartThawGuard } from '../../src/root/freeze-guard.ts'
import { EBUSY, EPERM, loadFreezeIo } from '../../src/root/freeze-ioctl.ts'
import { memoryFolder } from './helpers/loop-device.ts'
import { BTRFS, EXT4, type Filesystem, XFS } from './helpers/write-log/record.ts'

const MIB = 2 ** 20
const HELPERS = join(import.meta.dirname, 'helpers')
const GUARD = [process.execPath, '--no-warnings', join(HELPERS, 'thaw-guard.ts')]
const EIO = 5
const io = await loadFreezeIo()
const startGuard = createStartThawGuard(GUARD)
const signal = new AbortController().signal
const deps = { io, startGuard, signal }

interface Mounted extends Disposable {
  dir: string
}

/** A mounted filesystem in a file; thawed before its unmount, whatever has happened. */
function mounted(filesystem: Filesystem, parent: string, name: string = filesystem.type): Mounted {
  const file = join(parent, `${name}.img`)
  const dir = join(parent, name)
  const fd = openSync(file, 'wx')
  ftruncateSync(fd, filesystem.sizeBytes)
  closeSync(fd)
  const [mkfs = '', ...args] = filesystem.mkfs
  execFileSync(mkfs, [...args, file], { stdio: 'ignore' })
  mkdirSync(dir)
  execFileSync('mount', ['-o', ['loop', ...filesystem.mountOptions].join(), file, dir])
  const dispose = () => {
    spawnSync('fsfreeze', ['--unfreeze', dir], { stdio: 'ignore' })
    spawnSync('umount', [dir], { stdio: 'ignore' })
    process.off('exit', dispose)
  }
  process.on('exit', dispose)
  return { dir, [Symbol.dispose]: dispose }
}

/** Whether a second freeze is refused; leaves it as it was. */
function isFrozen(dir: string): boolean {
  const fd = openSync(dir, 'r')
  try {
    const answer = io.call(fd, 'freeze')
    if (answer === 0) assert.is(io.call(fd, 'thaw'), 0)
    else assert.is(answer, EBUSY)
    return answer !== 0
  } finally {
    closeSync(fd)
  }
}

/** The program that settles, and gets a signal between freeze and thaw. */
function settleAndStop(dir: string, mode: 'guarded' | 'alone', name: string, times = 1, limit = 30_000) {
  const program = join(HELPERS, 'freeze-and-stop.ts')
  const args = ['--no-warnings', program, dir, mode, name, `${times}`, `${limit}`]
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
}

/** Of what hangs when it fails, in milliseconds. */
const LIMIT = 10_000

async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  const timer = new AbortController()
  const late = sleep(LIMIT, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`${what}: not within ${LIMIT / 1000} s`)
  })
  late.catch(() => {})
  try {
    return await Promise.race([promise, late])
  } finally {
    timer.abort()
  }
}

async function ended(child: ChildProcess): Promise<string> {
  const [code, name] = await within(once(child, 'close'), 'the end')
  return `${code ?? name}`
}

/** A write by another process comes through. */
async function canWrite(dir: string): Promise<boolean> {
  const touch = spawn('touch', [join(dir, `written-${Math.random()}`)])
  return (await ended(touch).catch(() => 'late')) === '0'
}

async function refusal(work: Promise<unknown>): Promise<unknown> {
  try {
    await work
  } catch (error) {
    return error
  }
  throw new Error('it was not refused')
}

for (const filesystem of [EXT4, XFS, BTRFS]) {
  test(`${filesystem.type}: freezes and thaws, and can be written afterwards`, async () => {
    using memory = memoryFolder()
    using host = mounted(filesystem, memory.dir)
    writeFileSync(join(host.dir, 'dirty'), Buffer.alloc(3 * MIB, 'x'))
    assert.equal(await settle(host.dir, deps), { how: 'frozen' })
    assert.equal([isFrozen(host.dir), await canWrite(host.dir)], [false, true])
  })

  test(`${filesystem.type}: killed in between, the guard thaws; without a guard it stays frozen`, async () => {
    using memory = memoryFolder()
    using host = mounted(filesystem, memory.dir)
    assert.is(await ended(settleAndStop(host.dir, 'alone', 'SIGKILL')), 'SIGKILL')
    assert.is(isFrozen(host.dir), true)
    execFileSync('fsfreeze', ['--unfreeze', host.dir])
    assert.is(await ended(settleAndStop(host.dir, 'guarded', 'SIGKILL')), 'SIGKILL')
    assert.is(await canWrite(host.dir), true)
    assert.is(isFrozen(host.dir), false)
  })

  test(`${filesystem.type}: frozen by something else: an error, and it stays frozen`, async () => {
    using memory = memoryFolder()
    using host = mounted(filesystem, memory.dir)
    execFileSync('fsfreeze', ['--freeze', host.dir])
    const error = await within(refusal(settle(host.dir, deps)), 'the error')
    assert.instance(error, FrozenError)
    assert.match(explain(error), /already frozen by something else\n {2}hint: .*fsfreeze --unfreeze/)
    assert.is(isFrozen(host.dir), true)
  })
}

test('stopped in between, the guard thaws after its limit, and the end is an ordinary one', async () => {
  using memory = memoryFolder()
  using host = mounted(EXT4, memory.dir)
  const child = settleAndStop(host.dir, 'guarded', 'SIGSTOP', 1, 300)
  try {
    const output = once(child.stdout, 'data')
    for (let i = 0; !/^State:\s+T/m.test(readFileSync(`/proc/${child.pid}/status`, 'utf8')); i += 1) {
      assert.ok(i < LIMIT / 20)
      await sleep(20)
    }
    assert.is(await canWrite(host.dir), true)
    assert.is(isFrozen(host.dir), false)
    child.kill('SIGCONT')
    assert.is(`${await within(output, 'the outcome')}`, '{"how":"frozen"}\n')
    assert.is(await ended(child), '0')
  } finally {
    child.kill('SIGKILL')
  }
})

test('where nothing can be frozen it is synced, and the result says so', async () => {
  using memory = memoryFolder()
  // One in memory has no freeze. libuv's name of EOPNOTSUPP.
  const settled = await settle(memory.dir, deps)
  assert.equal(settled, { how: 'synced', reason: 'the filesystem cannot be frozen: ENOTSUP' })

  using host = mounted(EXT4, memory.dir)
  const refusing = (errno: number) => ({
    ...io,
    call: (fd: number, what: 'freeze' | 'thaw' | 'rehearse') =>
      what === 'freeze' ? errno : io.call(fd, what),
  })
  const without = await settle(host.dir, { ...deps, io: refusing(EPERM) })
  assert.equal(without, { how: 'synced', reason: 'the filesystem cannot be frozen: EPERM' })
  const error = await refusal(settle(host.dir, { ...deps, io: refusing(EIO) }))
  assert.instance(error, SettleError)
  assert.match(explain(error), /cannot be frozen: EIO/)
})

test('without a guard nothing is frozen', async () => {
  using memory = memoryFolder()
  using host = mounted(EXT4, memory.dir)
  const calls: string[] = []
  const watched = {
    ...io,
    call(fd: number, what: 'freeze' | 'thaw' | 'rehearse') {
      calls.push(what)
      return io.call(fd, what)
    },
  }
  for (const program of [[join(memory.dir, 'none')], ['false']]) {
    const settled = await settle(host.dir, {
      ...deps,
      io: watched,
      startGuard: createStartThawGuard(program),
    })
    assert.is(settled.how, 'synced')
    assert.match(settled.how === 'synced' ? settled.reason : '', /guard/)
  }
  assert.equal(calls, [])
  const abort = new AbortController()
  abort.abort(new Error('enough'))
  assert.is(await refusal(settle(host.dir, { ...deps, signal: abort.signal })), abort.signal.reason)
})

test('the program may lie in an image on that filesystem, with writers at work in it', async () => {
  using memory = memoryFolder()
  using host = mounted({ ...EXT4, sizeBytes: 700 * MIB }, memory.dir, 'host')
  using root = mounted({ ...EXT4, sizeBytes: 400 * MIB }, host.dir, 'root')
  const node = join(root.dir, 'node')
  copyFileSync(process.execPath, node)
  const sources = join(root.dir, 'speediso')
  cpSync(join(import.meta.dirname, '../../src'), join(sources, 'src'), { recursive: true })
  copyFileSync(join(import.meta.dirname, '../../package.json'), join(sources, 'package.json'))
  mkdirSync(join(sources, 'test/block/helpers'), { recursive: true })
  for (const name of ['thaw-guard.ts', 'freeze-and-stop.ts']) {
    copyFileSync(join(HELPERS, name), join(sources, 'test/block/helpers', name))
  }
  const writer = spawn(
    node,
    [
      '-e',
      `for (;;) require('fs').writeFileSync('${root.dir}/busy', Buffer.alloc(2e6, 'w'), { flush: true })`,
    ],
    { stdio: 'ignore' },
  )
  try {
    const program = join(sources, 'test/block/helpers/freeze-and-stop.ts')
    for (const [name, times, end] of [
      ['none', 8, '0'],
      ['SIGKILL', 2, 'SIGKILL'],
    ] as const) {
      const args = ['--no-warnings', program, host.dir, 'guarded', name, `${times}`, '30000']
      assert.is(await ended(spawn(node, args, { stdio: ['ignore', 'ignore', 'inherit'] })), end)
      assert.is(await canWrite(host.dir), true)
      assert.is(await canWrite(root.dir), true)
    }
    assert.is(existsSync(join(root.dir, 'busy')), true)
  } finally {
    // The image on it cannot be unmounted while nothing of it can be written.
    spawnSync('fsfreeze', ['--unfreeze', host.dir], { stdio: 'ignore' })
    const end = once(writer, 'close')
    writer.kill('SIGKILL')
    await end
  }
})

test.run()
