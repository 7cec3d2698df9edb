import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { test } from 'uvu'
import * as assert from 'uvu/assert'

const MODULES = 'usr/lib/dracut/modules.d'
const PROJECT = join(import.meta.dirname, '../..')
const FOLDER = join(PROJECT, 'image-overlay-root', MODULES, '86speediso-root')
const LIB = join(PROJECT, 'image-overlay-common', MODULES, '80speediso-lib/speediso-lib.sh')

interface Shell {
  /** Runs this text after the sourced scripts; gives what it prints and how it ends. */
  run(
    text: string,
    facts?: { cmdline?: string; blkid?: string },
  ): Promise<{ out: string; code: number | undefined; said: string }>
  root: string
}

/** The scripts of the initramfs under a strict POSIX shell, with files of a folder for those of the machine. */
async function inShell(sourced: readonly string[], work: (shell: Shell) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'root-initramfs-'))
  const at = (path: string) => join(root, path)
  try {
    await mkdir(at('bin'))
    await mkdir(at('run'))
    for (const name of ['lib.sh', ...(await readdir(FOLDER)).filter((file) => file.endsWith('.sh'))]) {
      const text = await readFile(name === 'lib.sh' ? LIB : join(FOLDER, name), 'utf8')
      const moved = text
        .replaceAll('/lib/speediso-lib.sh', at('lib.sh'))
        .replaceAll('/usr/lib/speediso/', `${root}/`)
        .replaceAll('/proc/cmdline', at('cmdline'))
        .replaceAll('> /dev/kmsg', `>> ${at('kmsg')}`)
        .replaceAll('=/run/', `=${at('run')}/`)
      await writeFile(at(name), moved)
    }
    const run: Shell['run'] = async (text, { cmdline = '', blkid = '' } = {}) => {
      await writeFile(at('cmdline'), `${cmdline}\n`)
      await writeFile(at('kmsg'), '')
      await writeFile(at('bin/blkid'), `#!/bin/sh\n${blkid}\n`)
      await chmod(at('bin/blkid'), 0o755)
      const result = await execa(
        'dash',
        ['-u', '-c', `${sourced.map((f) => `. ${at(f)}`).join('\n')}\n${text}`],
        {
          reject: false,
          env: { PATH: `${at('bin')}:${process.env.PATH}` },
        },
      )
      const said = await readFile(at('kmsg'), 'utf8')
      return { out: result.stdout + result.stderr, code: result.exitCode, said }
    }
    await work({ run, root })
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

test('which partition: the parameters in their order, LABEL=hostpart without any', () =>
  inShell(['hostpart.sh'], async ({ run }) => {
    const cases: [cmdline: string, wanted: string][] = [
      ['quiet', 'LABEL=hostpart'],
      ['loopdev_hostpart=/dev/sda2', '/dev/sda2'],
      ['raw_loop_root_host_partition=UUID=1-2 loopdev_hostpart=/dev/sda2', 'UUID=1-2'],
      ['raw_loop_root_host_partition=UUID=1-2 speediso.hostpart=PARTUUID=3', 'PARTUUID=3'],
      ['speediso.hostpart=LABEL=a speediso.hostpart=LABEL=b', 'LABEL=b'],
      ['xspeediso.hostpart=LABEL=a', 'LABEL=hostpart'],
      ['loopdev_hostpart=/dev/disk/*', '/dev/disk/*'],
      ['speediso.hostpart=PARTUUID=5EED1500-AB', 'PARTUUID=5eed1500-ab'],
      ['speediso.hostpart=UUID=ABCD-12', 'UUID=ABCD-12'],
    ]
    for (const [cmdline, wanted] of cases)
      assert.is((await run('hostpart_spec', { cmdline })).out, wanted, cmdline)
  }))

test('a label of characters that udev spells otherwise is there when it is', () =>
  inShell(['hostpart.sh'], async ({ run }) => {
    const cmdline = 'speediso.hostpart=LABEL=host(1)'
    assert.is((await run('hostpart_is_there', { cmdline, blkid: 'echo /dev/sda2' })).code, 0)
    assert.is((await run('hostpart_is_there', { cmdline, blkid: 'exit 2' })).code, 1)
    const plain = 'speediso.hostpart=LABEL=no-such-label-at-all'
    assert.is(
      (await run('hostpart_is_there', { cmdline: plain, blkid: 'echo /dev/sda2' })).code,
      1,
      'by its link',
    )
  }))

test('an image is the root, unless the command line names an ordinary root', () =>
  inShell(['hostpart.sh'], async ({ run }) => {
    const cases: [cmdline: string, wanted: number][] = [
      ['', 0],
      ['root=/dev/ram0', 0],
      ['root=/dev/ram0 real_root=/hn-root.img', 0],
      ['root=UUID=1 real_root=/hn-root.img', 0],
      ['root=UUID=1 loopdev_hostpart=LABEL=x', 0],
      ['root=UUID=1', 1],
      ['root=/dev/sda1 ro', 1],
    ]
    for (const [cmdline, wanted] of cases)
      assert.is((await run('wants_image_root', { cmdline })).code, wanted, cmdline)
  }))

test('one partition is found, none or several are refused with the reason', () =>
  inShell(['hostpart.sh'], async ({ run }) => {
    const one = await run('find_hostpart', { blkid: 'echo /dev/sda2' })
    assert.equal([one.out, one.code, one.said], ['/dev/sda2', 0, ''])
    const twins = await run('find_hostpart', { blkid: 'echo /dev/sdb2; echo /dev/sda2' })
    assert.equal([twins.out, twins.code], ['', 1])
    assert.match(twins.said, 'NO ROOT: 2 partitions are LABEL=hostpart: /dev/sda2 /dev/sdb2.')
    const none = await run('find_hostpart', { blkid: '[ "$#" -gt 2 ] || echo /dev/sdc1; exit 2' })
    assert.equal([none.out, none.code], ['', 1])
    assert.match(none.said, 'NO ROOT: there is no partition LABEL=hostpart; the block devices are: /dev/sdc1')
  }))

test('the command line of the next kernel: the host keeps its arguments, the image brings its own', () =>
  inShell(['hostpart.sh', 'restart.sh'], async ({ run, root }) => {
    await mkdir(join(root, 'run/speediso/next/boot'), { recursive: true })
    const environment = join(root, 'run/speediso/next/boot/speediso.env')
    const cmdline =
      'BOOT_IMAGE=(loop)/boot/kernel real_root=/hn-root.img a="b c" initrd=x speediso.image=old speediso.booted=old speediso.tries=1 speediso.fallback=tries speediso.imagex=1 panic=30'
    const text = 'next_loop=/dev/loop9; cmdline_for current speediso.restarted=1'
    await writeFile(
      environment,
      '# GRUB Environment Block\nimage=1234\nversion=2\nappend=panic=30 nosmt\n####',
    )
    const kept = 'real_root=/hn-root.img a="b c" speediso.imagex=1 panic=30'
    assert.is(
      (await run(text, { cmdline })).out,
      `${kept} speediso.image=1234 speediso.booted=current nosmt speediso.restarted=1`,
    )
    await rm(environment)
    assert.is(
      (await run(text, { cmdline, blkid: 'echo "uuid-of-$7"' })).out,
      `${kept} speediso.image=uuid-of-/dev/loop9 speediso.booted=current speediso.restarted=1`,
    )
  }))

test('the command line of the next kernel is what GRUB would give it, where GRUB says which words are the image’s', () =>
  inShell(['hostpart.sh', 'restart.sh'], async ({ run, root }) => {
    await mkdir(join(root, 'run/speediso/next/boot'), { recursive: true })
    await writeFile(join(root, 'bin/k1'), '')
    const cmdline =
      'BOOT_IMAGE=x real_root=/hn-root.img speediso.image=old speediso.booted=old panic=30 speediso.append=image left=1 nosmt speediso.append=host console=ttyS0 a="b  c" nosmt'
    await writeFile(
      join(root, 'run/speediso/next/boot/speediso.env'),
      `# GRUB Environment Block\nimage=1234\nappend=panic=30 own=${root}/bin/* console=tty9\n####`,
    )
    const line = 'next_loop=/dev/loop9; cmdline_for current speediso.restarted=1'
    const wanted = `real_root=/hn-root.img panic=30 speediso.image=1234 speediso.booted=current speediso.append=image panic=30 own=${root}/bin/* console=tty9 speediso.append=host console=ttyS0 a="b c" nosmt`
    assert.is((await run(line, { cmdline })).out, `${wanted} speediso.restarted=1`)
    // And so again from there.
    const again = await run(line, { cmdline: `${wanted} speediso.restarted=1` })
    assert.is(again.out, `${wanted} speediso.restarted=1`)
  }))

test('a link in an image is followed inside of it', () =>
  inShell(['hostpart.sh', 'restart.sh'], async ({ run, root }) => {
    const next = join(root, 'run/speediso/next')
    await execa('sh', [
      '-c',
      'mkdir -p "$1/boot/deep" && cd "$1/boot" && ln -s vmlinuz-6 kernel && ln -s /boot/deep/init initramfs && ln -s ../vmlinuz-6 deep/init && ln -s loop loop',
      'sh',
      next,
    ])
    assert.is((await run('follow boot/kernel')).out, `${next}/boot/vmlinuz-6`)
    assert.is((await run('follow boot/initramfs')).out, `${next}/boot/deep/../vmlinuz-6`)
    assert.is((await run('follow boot/loop')).code, 0)
  }))

test('fsck as systemd-fsck would run it', () =>
  inShell(['hostpart.sh'], async ({ run, root }) => {
    // Only the functions: the script's last lines act.
    const script = await readFile(join(root, 'root.sh'), 'utf8')
    const functions = script.slice(0, script.indexOf('# mount_hostpart:'))
    await writeFile(join(root, 'functions.sh'), functions)
    const cases: [cmdline: string, wanted: string][] = [
      ['', '-p'],
      ['fsck.mode=auto', '-p'],
      ['fsck.mode=force', '-p -f'],
      ['fsck.repair=yes fsck.mode=force', '-y -f'],
      ['fsck.repair=no', '-n'],
    ]
    for (const [cmdline, wanted] of cases) {
      assert.is((await run(`. ${root}/functions.sh; fsck_options`, { cmdline })).out.trim(), wanted, cmdline)
    }
    const check = async (code: number, cmdline = '') => {
      await writeFile(join(root, 'bin/fsck.test'), `#!/bin/sh\necho "did $*"\nexit ${code}\n`, {
        mode: 0o755,
      })
      return run(`. ${root}/functions.sh; check /dev/x test hostpart`, { cmdline })
    }
    assert.equal([(await check(0)).code, (await check(1)).code, (await check(2)).code], [0, 0, 0])
    assert.match((await check(1)).said, 'hostpart: fsck.test ended with 1: did -p')
    assert.equal([(await check(4)).code, (await check(8)).code, (await check(127)).code], [1, 1, 1])
    assert.equal([(await check(4, 'fsck.mode=skip')).code, (await check(4, 'fsck.mode=skip')).said], [0, ''])
  }))

test('a root without the modules of the kernel, or of another image than the kernel, is not run', () =>
  inShell(['hostpart.sh'], async ({ run, root }) => {
    const script = await readFile(join(root, 'root.sh'), 'utf8')
    const from = script.indexOf('# why_not:')
    await writeFile(join(root, 'why.sh'), script.slice(from, script.indexOf('# take IMAGE', from)))
    const why = async (cmdline: string, trusted = '', blkid = '') =>
      (
        await run(`. ${root}/why.sh; sysroot=${root}/sysroot; loop=x; trusted=${trusted}; why_not`, {
          cmdline,
          blkid,
        })
      ).out
    assert.match(await why(''), /has no modules of the kernel that runs/)
    const { stdout: release } = await execa('uname', ['-r'])
    await mkdir(join(root, 'sysroot/lib/modules', release), { recursive: true })
    await mkdir(join(root, 'sysroot/boot'))
    assert.is(await why('speediso.image=one', '', 'echo one'), '', 'the id is that of its filesystem')
    assert.match(await why('speediso.image=one', '', 'echo two'), 'not the image that the kernel came from')
    assert.match(
      await why('speediso.image=one'),
      'not the image that the kernel came from',
      'it has no id at all',
    )
    await writeFile(join(root, 'sysroot/boot/speediso.env'), '# GRUB Environment Block\nimage=one\n###')
    assert.is(await why('speediso.image=one'), '')
    assert.is(await why(''), '', 'a boot loader that tells no id')
    assert.match(await why('speediso.image=two'), 'not the image that the kernel came from')
    assert.is(await why('speediso.image=two', '1'), '', 'speediso has compared the kernels')
  }))

test('what the root is when the image that was decided for cannot be', () =>
  inShell(['hostpart.sh', 'restart.sh'], async ({ run, root }) => {
    const script = await readFile(join(root, 'root.sh'), 'utf8')
    await writeFile(join(root, 'functions.sh'), script.slice(0, script.lastIndexOf('main ||')))
    const told = join(root, 'run/speediso/root.json')
    const outcome = async (cmdline: string, answer: string, able: string) => {
      await mkdir(join(root, 'run/speediso'), { recursive: true })
      await writeFile(told, '{}')
      const stand = `. ${root}/functions.sh
        udevadm() { :; }; modprobe() { :; }; find_hostpart() { echo /dev/x; }; mount_hostpart() { sound=yes; }
        ask() { ${answer}; }; close_hostpart() { echo closed; }; cover() { :; }; keep_reachable() { :; }
        make_exitrd() { :; }; restart() { echo "restart $1"; return 1; }
        take() { case " ${able} " in *" $1 "*) echo "root $1 trusted=$trusted" ;; *) return 1 ;; esac; }
        main; echo "main $?"; [ ! -e ${told} ] || echo told`
      return (await run(stand, { cmdline })).out.split('\n').join(', ')
    }
    const decided = 'image=hn-root.img action=mount trusted=1 trial='
    const both = 'hn-root.img hn-root-old.img'
    assert.is(await outcome('', decided, both), 'root hn-root.img trusted=1, main 0, told')
    assert.is(await outcome('', decided, 'hn-root-old.img'), 'root hn-root-old.img trusted=, main 0')
    assert.is(await outcome('', decided, ''), 'closed, main 1')
    // Not the old one under a trial that it would end: the boots are counted, and lead back.
    assert.is(await outcome('', `${decided}1/3`, 'hn-root-old.img'), 'closed, main 1, told')
    assert.is(await outcome('speediso.tries=2', ':', 'hn-root-old.img'), 'closed, main 1')
    assert.is(await outcome('speediso.tries=2', ':', both), 'root hn-root.img trusted=, main 0')
    assert.is(await outcome('speediso.booted=old', ':', both), 'root hn-root-old.img trusted=, main 0')
  }))

test('an image that cannot be the root, even after a restart, keeps the other one from nothing', () =>
  inShell(['hostpart.sh', 'restart.sh'], async ({ run, root }) => {
    const script = await readFile(join(root, 'root.sh'), 'utf8')
    await writeFile(join(root, 'functions.sh'), script.slice(0, script.lastIndexOf('main ||')))
    await mkdir(join(root, 'run/speediso'), { recursive: true })
    /** The restarts of a host none of whose images fits the kernel that runs, as each asks for the next. */
    const stand = `. ${root}/functions.sh
      udevadm() { :; }; modprobe() { :; }; find_hostpart() { echo /dev/x; }; mount_hostpart() { sound=; }
      mount_image() { :; }; unmount_image() { :; }; why_not() { echo 'has no modules'; }; close_hostpart() { :; }
      restart() { _gone=$1; shift; echo "$_gone $*"; exit 0; }; ask() { :; }
      main; echo "main $?"`
    const next = async (cmdline: string) => (await run(stand, { cmdline })).out
    assert.is(await next(''), 'hn-root.img speediso.restarted=current')
    const other = 'hn-root-old.img speediso.restarted=current,old speediso.fallback=unreadable'
    assert.is(await next('speediso.restarted=current'), other)
    // The old one is in its own kernel by then; should it not fit either, that is the end.
    const last = 'speediso.booted=old speediso.restarted=current,old speediso.fallback=unreadable'
    const { out, said } = await run(stand, { cmdline: last })
    assert.is(out, 'main 1')
    assert.match(said, 'NO ROOT: neither hn-root-old.img nor hn-root.img')
    // One that somebody has chosen in the menu, and the current one after it.
    assert.is(await next('speediso.booted=old'), 'hn-root-old.img speediso.restarted=old')
    assert.is(
      await next('speediso.booted=old speediso.restarted=old'),
      'hn-root.img speediso.restarted=old,current',
    )
  }))

test('every script is whole in a strict POSIX shell', async () => {
  for (const name of await readdir(FOLDER)) {
    if (!name.endsWith('.sh')) continue
    const shell = name === 'module-setup.sh' ? 'bash' : 'dash'
    const { exitCode, stderr } = await execa(shell, ['-n', join(FOLDER, name)], { reject: false })
    assert.equal([exitCode, stderr], [0, ''], name)
  }
})

test.run()
