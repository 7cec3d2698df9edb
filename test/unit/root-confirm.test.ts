import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { run as runConfirm, whyNot } from '../../src/cli/root/confirm.ts'
import { openSession } from '../../src/cli/root/session.ts'
import { readRecord } from '../../src/root/record-file.ts'
import { imageOfRoot } from '../../src/root/running.ts'
import { LockedError } from '../../src/runtime/lock.ts'
import type { Exec } from '../../src/system/exec.ts'
import { hostpartOnTrial, type MachineFiles, type RunningHost, runningHost } from './helpers/running-host.ts'

const flags = { hostpart: undefined, esp: undefined, wait: false, force: false, json: false }

/** What the initramfs has told. */
const told = (hostpart: string, image: string, deadline = 900): MachineFiles => ({
  'run/speediso/root.json': JSON.stringify({
    ...{ schema: 'speediso.root-running/1', hostpart, realRoot: '/hn-root.img', image },
    ...{ outcome: 'on trial', trial: { boot: 1, limit: 3, deadline } },
  }),
})

/** A root that is this image of a hostpart, in a loop device. */
const rootIs = (hostpart: string, name: string): MachineFiles => ({
  'proc/self/mounts': 'proc /proc proc rw 0 0\n/dev/loop3 / ext4 ro 0 0\n',
  'sys/block/loop3/loop/backing_file': `/run/hostpart/${name}\n`,
  [`run/hostpart/${name}`]: { link: join(hostpart, name) },
})

const trialOf = async (dir: string) => (await readRecord(dir))?.trial?.image

for (const force of [false, true]) {
  test(`an image that could not be mounted is not confirmed, as the old one is the root; force: ${force}`, async () => {
    const { dir, current } = await hostpartOnTrial()
    const host = runningHost({ ...told(dir, current), ...rootIs(dir, 'hn-root-old.img') })
    assert.is(await runConfirm({ ...flags, force }, host.ctx), 'unknown')
    assert.match(
      host.out.stderr,
      /^error: the root of this system is not the image that the initramfs has told of/m,
    )
    assert.is(await trialOf(dir), current)
    // Its limits go on: that boot is to end.
    assert.not(host.ran.some((line) => line.startsWith('systemctl')))
  })
}

test('the current image that is the root is not confirmed either while another one was meant to be', async () => {
  const { dir, current, old } = await hostpartOnTrial()
  const host = runningHost({ ...told(dir, old), ...rootIs(dir, 'hn-root.img') })
  assert.is(await runConfirm({ ...flags, force: true }, host.ctx), 'unknown')
  assert.is(await trialOf(dir), current)
})

test('control: the image that is the root and was told of is confirmed; also without a loop device to see', async () => {
  for (const loop of [true, false]) {
    const { dir, current } = await hostpartOnTrial()
    const host = runningHost({ ...told(dir, current), ...(loop ? rootIs(dir, 'hn-root.img') : {}) })
    assert.is(await runConfirm(flags, host.ctx), 'passed', host.out.stderr)
    assert.equal([(await readRecord(dir))?.confirmed, await trialOf(dir)], [current, undefined])
  }
})

test('the root: by its loop device, below an overlay, without a name, and none at all', async () => {
  const { dir, current } = await hostpartOnTrial()
  const loop = rootIs(dir, 'hn-root.img')
  assert.is(await imageOfRoot(runningHost(loop).ctx.root), current)
  const covered = runningHost({
    ...{ 'proc/self/mounts': 'overlay / overlay rw,lowerdir=/sysroot 0 0', 'run/hostpart/x': '' },
    'sys/dev/block/7:3/loop/backing_file': '/run/hostpart/hn-root.img',
    'run/hostpart/hn-root.img': { link: join(dir, 'hn-root.img') },
  })
  assert.is(await imageOfRoot(covered.ctx.root), undefined, 'nobody has told what it covers')
  for (const [device, want] of [
    ['/dev/block/8:3', undefined],
    ['/dev/block/7:3', current],
  ] as const) {
    mkdirSync(join(covered.dir, 'run/systemd'), { recursive: true })
    rmSync(join(covered.dir, 'run/systemd/volatile-root'), { force: true })
    symlinkSync(device, join(covered.dir, 'run/systemd/volatile-root'))
    assert.is(await imageOfRoot(covered.ctx.root), want)
  }
  const deleted = { ...loop, 'sys/block/loop3/loop/backing_file': '/run/hostpart/hn-root.img (deleted)' }
  assert.is(await imageOfRoot(runningHost(deleted).ctx.root), 'gone')
  assert.is(
    await imageOfRoot(runningHost({ 'proc/self/mounts': '/dev/sda1 / ext4 rw 0 0' }).ctx.root),
    undefined,
  )
})

test('a root that has no name any more is none that can be confirmed', async () => {
  const { dir, current } = await hostpartOnTrial()
  const gone = { 'sys/block/loop3/loop/backing_file': '/run/hostpart/hn-root-old.img (deleted)' }
  const host = runningHost({ ...told(dir, current), ...rootIs(dir, 'hn-root.img'), ...gone })
  assert.is(await runConfirm({ ...flags, force: true }, host.ctx), 'unknown')
  assert.match(host.out.stderr, /none that has a name any more/)
  assert.is(await trialOf(dir), current)
})

test('a root whose name went to another image, and that has a second one: known by its inode', async () => {
  const { dir, current, old } = await hostpartOnTrial()
  const gone = { 'sys/block/loop3/loop/backing_file': '/run/hostpart/hn-root.img (deleted)' }
  const files = { ...told(dir, old), ...rootIs(dir, 'hn-root.img'), ...gone }
  const exec =
    (inode: string): Exec =>
    async (file) => ({ stdout: file === 'losetup' ? `   ${inode}\n` : '', stderr: '', exitCode: 0 })
  for (const [inode, wanted] of [
    [old.replace(/-.*/, ''), old],
    [current.replace(/-.*/, ''), current],
    ['1', 'gone'],
    ['', 'gone'],
  ] as const) {
    using session = await openSession(
      { hostpart: undefined, esp: undefined },
      runningHost(files, exec(inode)).ctx,
    )
    assert.is(session.image, wanted)
  }
})

test('asked by hand, each health check has all of its time, whatever the one before has taken', async () => {
  const { dir, current } = await hostpartOnTrial()
  let now = 0
  const limits: unknown[] = []
  const host = runningHost(
    { ...told(dir, current), ...rootIs(dir, 'hn-root.img') },
    async (file, _, options) => {
      if (file.includes('/health.d/')) {
        limits.push(options?.timeout)
        now += 25_000
      }
      return { stdout: '', stderr: '', exitCode: 0 }
    },
  )
  for (const name of ['10-a', '20-b', '30-c'])
    writeFileSync(join(host.dir, 'etc/speediso/health.d', name), '', { mode: 0o755 })
  const clock = { ...host.ctx.clock, monotonic: () => now }
  assert.is(await runConfirm(flags, { ...host.ctx, clock }), 'passed', host.out.stderr)
  assert.equal(limits, [30_000, 30_000, 30_000])
})

test('neither an image on hostpart nor as the root: nothing is confirmed', () => {
  const said: string[] = []
  const session = {
    ...{ running: undefined, image: undefined },
    say: (level: string, text: string) => void said.push(`${level}: ${text}`),
  }
  assert.is(whyNot({ files: {} }, session), 'failed')
  assert.match(said.join(), /^error: the root of this system is no image, and there is none on hostpart/)
  assert.throws(() => whyNot({ files: { current: 'C' } }, session), /is no image on hostpart/)
  assert.is(whyNot({ booted: 'C', files: { current: 'C' } }, session), undefined)
})

/** Another process that holds the lock, until it is ended. */
async function locked(host: RunningHost): Promise<ChildProcess> {
  const file = join(host.dir, 'run/speediso/root.lock')
  const child = spawn('flock', [file, 'sh', '-c', 'echo locked; exec sleep 30'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  })
  await new Promise<void>((done) => child.stdout?.once('data', () => done()))
  return child
}
const end = (child: ChildProcess) => {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

test('--wait waits for another speediso that is at work', async () => {
  const { dir, current } = await hostpartOnTrial()
  const host = runningHost(told(dir, current))
  const child = await locked(host)
  try {
    const running = runConfirm({ ...flags, wait: true }, host.ctx)
    await sleep(500)
    assert.is(await trialOf(dir), current)
    end(child)
    assert.is(await running, 'passed', host.out.stderr)
    assert.equal([(await readRecord(dir))?.confirmed, await trialOf(dir)], [current, undefined])
  } finally {
    end(child)
  }
})

test('--wait: health that does not come goes back once the other speediso has ended', async () => {
  const { dir, current, old } = await hostpartOnTrial()
  const host = runningHost(told(dir, current, 31))
  const check = join(host.dir, 'etc/speediso/health.d/50-ill')
  writeFileSync(check, '#!/nowhere/sh\n')
  chmodSync(check, 0o755)
  const { exec } = host.ctx
  const failing = {
    ...host.ctx,
    exec: (async (file: string, ...rest: never[]) => {
      if (file === check) throw new Error('it is ill')
      return (exec as (...all: unknown[]) => unknown)(file, ...rest)
    }) as never,
  }
  const child = await locked(host)
  try {
    const running = runConfirm({ ...flags, wait: true }, failing)
    await sleep(2500)
    end(child)
    assert.is(await running, 'failed')
    assert.equal([(await readRecord(dir))?.confirmed, await trialOf(dir)], [old, undefined])
    assert.is(host.ran.at(-1), 'systemctl reboot')
  } finally {
    end(child)
  }
})

test('without --wait another speediso that is at work is said at once', async () => {
  const { dir, current } = await hostpartOnTrial()
  const host = runningHost(told(dir, current))
  const child = await locked(host)
  try {
    const error = await runConfirm(flags, host.ctx).catch((thrown: unknown) => thrown)
    assert.instance(error, LockedError)
    assert.is(await trialOf(dir), current)
  } finally {
    end(child)
  }
})

test.run()
