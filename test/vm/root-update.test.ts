import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { chooseAcceleration, harnessDeps, type Machine, startMachine } from './harness/index.ts'
import { currentRootImageDir } from './root-host.ts'
import { type InstalledDisk, installDisk, makeVersion, onHostpart } from './root-installed.ts'
import { type GuestShell, guestShell } from './root-shell.ts'

/** One host's life: each test starts from what the one before has left. */

const deps = harnessDeps({ log: (line) => process.stderr.write(`${line}\n`) })
const { exec } = deps
const SECOND = 1000
const UP = 300 * SECOND
const CLOUD = fileURLToPath(new URL('../../dist/image-root-cloud/current', import.meta.url))

let dir = ''
let disk: InstalledDisk
let use: 'kvm' | 'tcg' = 'tcg'
let machine: Machine
let shell: GuestShell
const images: Record<string, string> = {}

const idOf = (version: number) => `00000000-0000-4000-8000-${String(version).padStart(12, '0')}`
/** A key that nobody signs with here. */
const KEY = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString()

const SICK = `#!/bin/sh
echo 'the warehouse does not answer'
exit 1
`
/** What a first process that fails is like: the kernel panics when it ends. */
const FAILING_INIT = `#!/bin/sh
echo FAILING-INIT > /dev/kmsg
exit 1
`
const HANGING_INIT = `#!/bin/sh
echo HANGING-INIT > /dev/kmsg
while :; do sleep 1000; done
`

test.before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'speediso-root-update-'))
  const plain = join(await realpath(currentRootImageDir()), 'hn-root.img')
  const cloud = join(await realpath(CLOUD), 'hn-root.img')
  use = (await chooseAcceleration(join(await realpath(currentRootImageDir()), 'vmlinuz'), deps)).use
  const make = async (
    name: string,
    from: string,
    version: number,
    more: Partial<Parameters<typeof makeVersion>[2]> = {},
  ) => {
    const append = `speediso.root.tries=2 panic=2 ${more.append ?? ''}`.trim()
    images[name] = await makeVersion(
      from,
      join(dir, `${name}.img`),
      { id: idOf(version), version: String(version), ...more, append },
      exec,
    )
  }
  await make('first', plain, 1)
  await make('cloud', cloud, 2)
  await make('noinit', cloud, 3, {
    append: 'init=/etc/failing-init',
    files: { '/etc/failing-init': FAILING_INIT },
  })
  await make('panic', cloud, 4, { append: 'rdinit=/nowhere root=/dev/nowhere' })
  await make('hang', cloud, 5, {
    append: 'init=/etc/hanging-init systemd.watchdog_sec=20',
    files: { '/etc/hanging-init': HANGING_INIT },
  })
  await make('sick', cloud, 6, {
    append: 'speediso.root.deadline=150s',
    files: { '/etc/speediso/health.d/warehouse': SICK },
  })
  await make('keyed', plain, 7, { files: { '/etc/speediso/root-keys/nobody.pem': KEY } })
  disk = await installDisk(join(dir, 'disk'), { 'hn-root.img': images.first ?? '' }, { sizeMiB: 8192 }, exec)
})

test.after(async () => {
  await machine?.[Symbol.asyncDispose]()
  await rm(dir, { recursive: true, force: true })
})

async function start(): Promise<void> {
  machine = await startMachine(
    {
      name: 'root-update',
      firmware: 'bios',
      memoryMiB: 1024,
      cpus: 1,
      acceleration: use,
      boot: { kind: 'disk' },
      disks: [{ kind: 'virtio', serial: 'HOST', sizeMiB: 0, file: disk.file }],
      networkCards: [],
      reboot: 'allow',
      extraArguments: ['-device', 'i6300esb', '-action', 'watchdog=reset'],
      limit: 14 * 60 * SECOND,
    },
    deps,
  )
  shell = guestShell(machine)
  await shell.up(UP)
}

/** Powers the host off, lets people do something to its hostpart, and starts it again. */
async function between(work: (hostpart: string) => Promise<void>): Promise<void> {
  shell.leave('sync; poweroff -f')
  await machine.waitForEnd({ limit: UP })
  await machine[Symbol.asyncDispose]()
  await onHostpart(disk, exec, work)
  await start()
}

const drop = (name: string) =>
  between(async (hostpart) => {
    await exec('cp', ['--sparse=always', images[name] ?? '', join(hostpart, 'hn-root-new.img')])
  })

async function confirmed(): Promise<void> {
  await shell.ok('while ! [ -e /run/speediso/confirmed ]; do sleep 0.5; done', 400 * SECOND)
}

async function running(): Promise<{ version: string; kernel: string; outcome: string }> {
  const text = await shell.ok('cat /run/speediso/root.json; echo "KERNEL $(uname -r)"')
  const value = (pattern: RegExp) => pattern.exec(text)?.[1] ?? ''
  return {
    version: value(/"version": "(.*?)"/),
    kernel: value(/KERNEL (\S+)/),
    outcome: value(/"outcome": "(.*?)"/),
  }
}

/** Kernels that were started since the console had so many lines. */
const kernelsSince = (since: number) =>
  machine.serial.lines.slice(since).filter((line) => line.includes('Linux version')).length

test('a staged image runs after one boot, and is confirmed', async () => {
  await start()
  assert.is((await running()).version, '1')
  shell.leave('poweroff -f')
  await between(async (hostpart) => {
    await exec('cp', ['--sparse=always', images.cloud ?? '', join(hostpart, 'data/cloud.img')])
  })
  const said = await shell.ok('speediso root stage /hostpart/data/cloud.img', 600 * SECOND)
  assert.match(said, 'GRUB reads /boot/kernel byte for byte')
  const since = machine.serial.length
  shell.leave('systemctl reboot')
  await shell.up(UP)
  const now = await running()
  assert.is(now.version, '2')
  assert.match(now.kernel, 'cloud')
  assert.is(kernelsSince(since), 1, 'one boot')
  await confirmed()
  assert.match(await shell.ok('speediso root status'), /current image: confirmed/)
})

test('a revert by flag works on a full hostpart', async () => {
  await shell.ok(
    'dd if=/dev/zero of=/hostpart/data/fill bs=1M 2> /dev/null; dd if=/dev/zero of=/hostpart/data/rest bs=512 2> /dev/null; sync; touch /hostpart/system-revert',
  )
  shell.leave('systemctl reboot')
  await shell.up(UP)
  const now = await running()
  assert.is(now.version, '1')
  assert.not.match(now.kernel, 'cloud')
  assert.match(await shell.ok('ls /hostpart'), 'hn-root-broken.img')
  assert.not.match(await shell.ok('ls /hostpart'), 'system-revert')
  const { code, output } = await shell.run('speediso root stage /hostpart/data/cloud.img', 600 * SECOND)
  assert.is.not(code, 0)
  assert.match(output, /bytes/)
  await shell.ok('rm /hostpart/data/fill /hostpart/data/rest /hostpart/hn-root-broken.img')
})

test('a truncated image, and a request for both, are set aside; the host boots what it had', async () => {
  await between(async (hostpart) => {
    await exec('cp', ['--sparse=always', images.cloud ?? '', join(hostpart, 'hn-root-new.img')])
    await exec('truncate', ['--size=-64M', join(hostpart, 'hn-root-new.img')])
  })
  assert.equal((({ version, outcome }) => [version, outcome])(await running()), ['1', 'refused'])
  assert.match(await shell.ok('cat /hostpart/hn-root-rejected.txt'), 'copy it whole')
  await shell.ok('rm /hostpart/hn-root-rejected.img')
})

test('dropped in: an image whose first process fails loses its trial, and its digest is remembered', async () => {
  await drop('noinit')
  const now = await running()
  assert.is(now.version, '1')
  assert.ok(machine.serial.lines.filter((line) => line.includes('FAILING-INIT')).length >= 1)
  assert.match(await shell.ok('speediso root status'), /never again: 3/)
  assert.match(await shell.ok('ls /hostpart'), 'hn-root-broken.img')
  await shell.ok('rm /hostpart/hn-root-broken.img')
})

test('a kernel that panics loses its trial by the count of GRUB', async () => {
  await drop('panic')
  assert.is((await running()).version, '1')
  assert.ok(machine.serial.lines.some((line) => line.includes('speediso.tries=0')))
  assert.match(await shell.ok('speediso root status'), /never again: 4/)
  await shell.ok('rm /hostpart/hn-root-broken.img')
})

test('an image that hangs is ended by the watchdog', async () => {
  await drop('hang')
  assert.is((await running()).version, '1')
  assert.ok(machine.serial.lines.some((line) => line.includes('HANGING-INIT')))
  assert.match(await shell.ok('speediso root status'), /never again: 5/)
  await shell.ok('rm /hostpart/hn-root-broken.img')
})

test('an image that is not healthy in time goes back by itself', async () => {
  await drop('sick')
  // The first time it is up; the shell of the next boot is that of the old image.
  if ((await running()).version === '6') await shell.up(600 * SECOND)
  assert.is((await running()).version, '1')
  assert.match(await shell.ok('speediso root status'), /never again: 6, .*warehouse/)
  await shell.ok('rm /hostpart/hn-root-broken.img')
})

test('a host with trust keys takes no image that they have not signed', async () => {
  await drop('keyed')
  assert.is((await running()).version, '7')
  await confirmed()
  const { code, output } = await shell.run('speediso root stage /hostpart/data/cloud.img', 600 * SECOND)
  assert.is(code, 1)
  assert.match(output, /no manifest|signed/)
})

test.run()
