import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { harnessDeps } from './harness/index.ts'
import { type HostLife, installedHost, UP } from './root-life.ts'

/** One host, and images that are accepted and then fail, each in its own way; it always comes back to what it had. */

const deps = harnessDeps({ log: (line) => process.stderr.write(`${line}\n`) })

const SICK = `#!/bin/sh
echo 'the warehouse does not answer'
exit 1
`
/** The kernel panics when its first process ends. */
const FAILING_INIT = `#!/bin/sh
echo FAILING-INIT > /dev/kmsg
exit 1
`
/** Freezes systemd itself, before anything else of the system is up. */
const FREEZER = `[Unit]
DefaultDependencies=no
Before=sysinit.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo SYSTEMD-IS-FROZEN > /dev/kmsg; echo 1 > /sys/fs/cgroup/init.scope/cgroup.freeze'
`

let host: HostLife
const images: Record<string, string> = {}

test.before(async () => {
  host = await installedHost(
    'root-bad-images',
    // Without kexec each change of the image takes a reboot, which is quicker in an emulator.
    'speediso.root.tries=1 panic=2 sysctl.kernel.kexec_load_disabled=1',
    async ({ make }) => {
      images.noinit = await make('noinit', 'plain', 3, {
        append: 'init=/etc/failing-init',
        files: { '/etc/failing-init': FAILING_INIT },
      })
      images.panic = await make('panic', 'cloud', 4, { append: 'rdinit=/nowhere root=/dev/nowhere' })
      images.hang = await make('hang', 'plain', 5, {
        append: 'systemd.watchdog_sec=60',
        files: {
          '/etc/systemd/system/freezer.service': FREEZER,
          '/etc/systemd/system/sysinit.target.d/freezer.conf': '[Unit]\nWants=freezer.service\n',
        },
      })
      images.sick = await make('sick', 'plain', 6, {
        append: 'speediso.root.deadline=90s',
        files: { '/etc/speediso/health.d/warehouse': SICK },
      })
      return make('first', 'plain', 1)
    },
    deps,
  )
  const { panic = '', hang = '', sick = '', noinit = '' } = images
  await host.put({ noinit, panic, hang, sick })
  await host.start()
})

test.after(async () => {
  await host?.[Symbol.asyncDispose]()
})

/** Stages the image where it waits, which spares the boot that takes one that was dropped in. */
async function stage(name: string): Promise<void> {
  await host.shell.ok(`mv /hostpart/data/${name}.img /hostpart/hn-root-held.img`)
  host.shell.leave('speediso root stage /hostpart/hn-root-held.img --reboot')
  await host.shell.up(UP)
}

const saw = (text: string) => host.machine.serial.lines.some((line) => line.includes(text))

async function cameBack(version: number, reason: RegExp): Promise<void> {
  assert.is((await host.running()).version, '1')
  const status = await host.shell.ok('speediso root status')
  assert.match(status, new RegExp(`never again: ${version}, ${reason.source}`))
  // The image that the host was installed with has had no trial.
  assert.match(status, 'current image: taken as it is')
  await host.shell.ok('rm /hostpart/hn-root-broken.img')
}

test('its first process ends', async () => {
  await stage('noinit')
  assert.ok(saw('FAILING-INIT'))
  await cameBack(3, /not confirmed in 1 boot/)
})

test('its kernel panics before the initramfs: GRUB counts', async () => {
  await stage('panic')
  assert.ok(saw('speediso.tries=0'))
  await cameBack(4, /not confirmed in 1 boot/)
})

test('systemd hangs: the watchdog of the hardware ends the boot', async () => {
  await stage('hang')
  assert.ok(saw('SYSTEMD-IS-FROZEN'))
  await cameBack(5, /not confirmed in 1 boot/)
})

test('its health check fails past the deadline: it goes back at once', async () => {
  await stage('sick')
  // It came up; the next shell is that of the image that it goes back to.
  if ((await host.running()).version === '6') await host.shell.up(UP)
  await cameBack(6, /.*the warehouse does not answer/)
})

test('it is the same bad image again: refused', async () => {
  await host.drop(images.noinit ?? '')
  assert.is((await host.running()).outcome, 'refused')
  assert.match(
    await host.shell.ok('cat /hostpart/hn-root-rejected.txt'),
    'this host has gone back from this same image',
  )
})

test.run()
