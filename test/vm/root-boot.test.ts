import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readManifest } from '../../packaging/image/manifest.ts'
import { chooseAcceleration, type Disk, harnessDeps, type Machine, startMachine } from './harness/index.ts'
import {
  currentRootImageDir,
  filesystemState,
  makeHostpart,
  putInto,
  quickBoot,
  readFrom,
  withProgram,
} from './root-host.ts'

const deps = harnessDeps({ log: (line) => process.stderr.write(`${line}\n`) })
const { exec } = deps
const MINUTE = 60_000
let imageDir = currentRootImageDir()

/** Tells in the root what it sees, writes where it may, and ends the machine as `probe=` says. */
const PROBE = `#!/bin/sh
exec > /hostpart/data/probe 2>&1
say() { echo "probe: $*"; }
say "root $(findmnt -n -o FSTYPE,OPTIONS /)"
say "hostpart $(findmnt -n -o SOURCE /hostpart) $(ls /hostpart | tr '\\n' ' ')"
say "cmdline $(cat /proc/cmdline)"
say "failed units: $(systemctl list-units --failed --plain --no-legend | tr '\\n' ' ')"
touch /in-root && say 'wrote into the root'
touch /var/in-var && say 'wrote into /var'
how=$(sed -n 's/.*probe=\\([a-z]*\\).*/\\1/p' /proc/cmdline)
say "now $how"
sync /hostpart/data/probe
# Once, into the same again, which then powers off.
if [ "$how" = kexec ]; then
    kexec -s -l /boot/kernel --initrd=/boot/initramfs --command-line="$(sed 's/probe=kexec/probe=poweroff/' /proc/cmdline)"
fi
systemctl "$how"
`
const PROBE_UNIT = `[Unit]
After=multi-user.target
[Service]
ExecStart=/bin/sh /etc/probe
`

/** Stands for speediso in the initramfs; what it was called with is what it says. */
const answering = (...answer: string[]) => `#!/bin/sh
echo "called with: $*"
while [ "$1" != --answer ]; do shift; done
printf '%s\\n' ${answer.map((line) => `'${line}'`).join(' ')} > "$2"
`

let folder = ''
let image = ''
let use: 'kvm' | 'tcg' = 'tcg'

test.before(async () => {
  // The link may come to mean another image while these boot.
  imageDir = await realpath(imageDir)
  folder = await mkdtemp(join(tmpdir(), 'speediso-root-boot-'))
  image = join(folder, 'image')
  await exec('cp', ['--sparse=always', join(imageDir, 'hn-root.img'), image])
  await putInto(
    image,
    {
      files: { '/etc/probe': PROBE, '/etc/systemd/system/probe.service': PROBE_UNIT },
      links: {
        '/usr/lib/systemd/system/multi-user.target.wants/probe.service': '/etc/systemd/system/probe.service',
      },
    },
    exec,
  )
  use = (await chooseAcceleration(join(imageDir, 'vmlinuz'), deps)).use
})

test.after(() => rm(folder, { recursive: true, force: true }))

/** Boots from these disks with `program` for speediso. */
async function boot(
  name: string,
  { disks, program, cmdline }: { disks: readonly string[]; program: string; cmdline: string },
): Promise<Machine> {
  const initrd = await withProgram(join(imageDir, 'initrd.img'), program, join(folder, `${name}.initrd`))
  return startMachine(
    {
      name: `root-${name}`,
      firmware: 'bios',
      memoryMiB: 1024,
      cpus: 1,
      acceleration: use,
      boot: {
        kind: 'kernel',
        kernel: join(imageDir, 'vmlinuz'),
        initrd,
        cmdline: `console=ttyS0 ${quickBoot()} rd.shell=0 rd.emergency=reboot real_root=/hn-root.img ${cmdline}`,
      },
      disks: disks.map(
        (file, index): Disk => ({ kind: 'virtio', serial: `DISK${index}`, sizeMiB: 3072, file }),
      ),
      networkCards: [],
      limit: 8 * MINUTE,
    },
    deps,
  )
}

/** What the machine said on its console, and what the probe found in the root. */
async function said(machine: Machine, disk?: string): Promise<string> {
  const found = disk === undefined ? undefined : await readFrom(disk, '/data/probe', exec)
  return [...machine.serial.lines, found ?? ''].join('\n')
}

test('a read-only root boots as speediso answers, and hostpart is clean after a kexec and after the power-off', async () => {
  const disk = join(folder, 'ro.disk')
  await makeHostpart(disk, { 'hn-root.img': image }, exec)
  await using machine = await boot('ro', {
    disks: [disk],
    program: answering('ACTION=mount', 'IMAGE=hn-root.img', 'TRIAL=', 'LIMIT='),
    cmdline: 'raw_loop_root_host_partition=LABEL=hostpart probe=kexec',
  })
  assert.equal((await machine.waitForEnd()).reason, 'guest-shutdown')
  const text = await said(machine, disk)
  assert.match(
    text,
    /speediso: called with: root switch --hostpart \/run\/hostpart --boot --answer \/run\/speediso\/root-answer/,
  )
  assert.match(text, /speediso: root: hn-root\.img, kernel /)
  assert.match(text, /probe: root ext4 +ro,/)
  assert.match(text, /probe: hostpart \/dev\/vda data hn-root\.img/)
  assert.match(text, /probe: failed units: *$/m)
  assert.not.match(text, /probe: wrote into the root/)
  assert.match(text, /probe: wrote into \/var/)
  assert.is(text.match(/speediso: hostpart is unmounted/g)?.length, 2)
  assert.is(text.match(/speediso-milestone: initramfs/g)?.length, 2)
  assert.not.match(text, /EXT4-fs .*recovery|hostpart: fsck/)
  assert.equal(await filesystemState(disk, exec), { state: 'clean', recover: false })
})

test('with speediso broken a writable root boots unchanged, and hostpart is clean after the reboot', async () => {
  const disk = join(folder, 'rw.disk')
  await makeHostpart(disk, { 'hn-root.img': image }, exec)
  await using machine = await boot('rw', {
    disks: [disk],
    // Whole in form, but it names what is not there.
    program: answering('ACTION=mount', 'IMAGE=../hn-root-new.img'),
    cmdline: 'rw loopdev_hostpart=LABEL=hostpart root=/dev/ram0 probe=reboot',
  })
  assert.equal((await machine.waitForEnd()).reason, 'guest-reset')
  const text = await said(machine, disk)
  assert.match(text, /speediso: speediso root switch left no usable answer/)
  assert.match(text, /probe: root ext4 +rw,/)
  assert.match(text, /probe: wrote into the root/)
  assert.match(text, /speediso: hostpart is unmounted/)
  assert.equal(await filesystemState(disk, exec), { state: 'clean', recover: false })
  const root = join(folder, 'rw.root')
  await exec('debugfs', ['-R', `dump /hn-root.img ${root}`, disk])
  assert.equal(await filesystemState(root, exec), { state: 'clean', recover: false })
  assert.is(await readFrom(root, '/in-root', exec), '')
  await rm(root)
})

test('an answer to restart starts the kernel in the image, which takes the old one for a missing current one', async () => {
  const disk = join(folder, 'restart.disk')
  // What GRUB named is not there; the answer names what is. The second initramfs is the image's own, with the true speediso.
  await makeHostpart(disk, { 'hn-root-old.img': image }, exec)
  await using machine = await boot('restart', {
    disks: [disk],
    program: answering('ACTION=restart', 'IMAGE=hn-root-old.img'),
    cmdline:
      'speediso.booted=current speediso.image=gone speediso.tries=2 systemd.volatile=overlay probe=poweroff',
  })
  assert.equal((await machine.waitForEnd()).reason, 'guest-shutdown')
  const text = await said(machine, disk)
  const { imageId } = await readManifest(imageDir)
  assert.match(text, 'speediso: starting the kernel of hn-root-old.img')
  assert.is(text.match(/speediso-milestone: initramfs/g)?.length, 2)
  const cmdline = /probe: cmdline (.*)/.exec(text)?.[1] ?? ''
  assert.match(cmdline, `speediso.image=${imageId} speediso.booted=old`)
  assert.not.match(cmdline, /speediso\.image=gone|speediso\.tries|BOOT_IMAGE/)
  assert.match(text, /probe: root overlay +rw,/)
  assert.match(text, /probe: wrote into the root/)
  assert.match(text, /speediso: hostpart is unmounted/)
  assert.equal(await filesystemState(disk, exec), { state: 'clean', recover: false })
})

test('of two partitions with the label none is taken, and both are named', async () => {
  const disks = [join(folder, 'one.disk'), join(folder, 'two.disk')]
  for (const disk of disks) await makeHostpart(disk, {}, exec, { sizeMiB: 64 })
  await using machine = await boot('twins', { disks, program: answering(), cmdline: 'ro' })
  assert.equal((await machine.waitForEnd()).reason, 'guest-reset')
  const text = await said(machine)
  assert.match(
    text,
    /speediso: NO ROOT: 2 partitions are LABEL=hostpart: \/dev\/vda \/dev\/vdb\. Nothing was touched/,
  )
  assert.not.match(text, /called with|EXT4-fs \(vd.\): mounted/)
})

test('no hostpart: it is waited for, and then said', async () => {
  const disk = join(folder, 'other.disk')
  await makeHostpart(disk, {}, exec, { sizeMiB: 64, label: 'other' })
  await using machine = await boot('none', { disks: [disk], program: answering(), cmdline: 'rd.retry=6' })
  assert.equal((await machine.waitForEnd()).reason, 'guest-reset')
  assert.match(
    await said(machine),
    /speediso: NO ROOT: there is no partition LABEL=hostpart; the block devices are: \/dev\/vda/,
  )
})

test.run()
