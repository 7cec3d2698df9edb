import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type InstallLoaderFlags, run } from '../../src/cli/root/install-loader.ts'
import { CommandError, InputError, ReadError, SpeedisoError, ToolMissingError } from '../../src/errors.ts'
import { exitCode } from '../../src/exit.ts'
import { openLoader } from '../../src/root/loader/access.ts'
import { isWhole } from '../../src/root/loader/config-store.ts'
import { findEsp, withEsp } from '../../src/root/loader/esp.ts'
import { CONFIG_DEFAULTS } from '../../src/root/loader/grub-cfg.ts'
import { type InstallFacts, planInstall } from '../../src/root/loader/install-plan.ts'
import type { TrialEnv } from '../../src/root/loader/trial-env.ts'
import { readTrialCopies, writeTrial } from '../../src/root/loader/trial-store.ts'
import { imageNames } from '../../src/root/names.ts'
import type { Exec } from '../../src/system/exec.ts'
import { createMachineRoot } from '../../src/system/machine-root.ts'
import { temporaryDir } from './helpers/temporary.ts'

const base = temporaryDir()
let made = 0

function freshDir(): string {
  made += 1
  const dir = join(base, String(made))
  mkdirSync(dir)
  return dir
}

const UUID = '11111111-2222-4333-8444-555555555555'
const config = { ...CONFIG_DEFAULTS, hostpart: { uuid: UUID, label: 'hostpart' }, names: imageNames() }
const facts: InstallFacts = {
  copies: [undefined, undefined],
  disk: '/dev/sda',
  efiVariables: false,
  signs: false,
}
const options = { esp: '/esp', config, platforms: ['i386-pc', 'x86_64-efi'] as const }
const on: TrialEnv = { seq: 5, trial: { image: 'x', tries: 2 } }

test('what GRUB reads is written before GRUB is installed', () => {
  const steps = planInstall({ ...options, rescue: { kernel: 'k', initramfs: 'i' } }, facts)
  assert.equal(
    steps.map((step) => step.do),
    ['copies', 'rescue', 'config', 'grub', 'grub'],
  )
})

test('a running trial is left alone; a lost copy gets what the other one has', () => {
  const copies = (pair: InstallFacts['copies']) =>
    planInstall(options, { ...facts, copies: pair }).filter((step) => step.do === 'copies')
  assert.equal(copies([on, on]), [])
  assert.equal(copies([on, { ...on, seq: 4 }]), [])
  assert.equal(copies([on, undefined]), [{ do: 'copies', env: on, indexes: [1] }])
  assert.equal(copies([undefined, on]), [{ do: 'copies', env: on, indexes: [0] }])
  assert.equal(copies([undefined, undefined]), [{ do: 'copies', env: { seq: 1 }, indexes: [0, 1] }])
})

test('what grub-install is told', () => {
  const told = (more: Partial<InstallFacts>) =>
    planInstall(options, { ...facts, ...more }).flatMap((step) =>
      step.do === 'grub'
        ? [[...step.args.filter((arg) => !arg.startsWith('--modules=')), step.optional]]
        : [],
    )
  const bios = ['--target=i386-pc', '--boot-directory=/esp', '/dev/sda', false]
  const efi = ['--target=x86_64-efi', '--boot-directory=/esp', '--efi-directory=/esp']
  assert.equal(told({}), [bios, [...efi, '--removable', '--no-nvram', false]])
  assert.equal(told({ efiVariables: true, signs: true }), [
    bios,
    [...efi, '--no-uefi-secure-boot', '--removable', '--no-nvram', false],
    [...efi, '--no-uefi-secure-boot', '--bootloader-id=speediso', true],
  ])
})

/** A machine with a boot partition, and programs that are told what to answer. */
function machine(
  options: {
    type?: string
    mounted?: boolean
    readOnly?: boolean
    efi?: boolean
    lack?: string[]
    fail?: RegExp
    /** What sfdisk tells of the disk. */
    table?: string
  } = {},
) {
  const {
    type = 'vfat',
    mounted = true,
    readOnly = false,
    efi = false,
    lack = [],
    fail,
    table = '',
  } = options
  const dir = freshDir()
  const esp = join(dir, 'esp')
  mkdirSync(esp)
  const tree = join(dir, 'root')
  mkdirSync(join(tree, 'proc/self'), { recursive: true })
  mkdirSync(join(tree, 'sys/devices/x/sda/sda1'), { recursive: true })
  mkdirSync(join(tree, 'sys/class/block'), { recursive: true })
  writeFileSync(join(tree, 'sys/devices/x/sda/sda1/partition'), '1\n')
  symlinkSync('../../devices/x/sda/sda1', join(tree, 'sys/class/block/sda1'))
  if (efi) mkdirSync(join(tree, 'sys/firmware/efi/efivars/x'), { recursive: true })
  const line = `30 1 8:1 / ${mounted ? esp : '/other'} ${readOnly ? 'ro' : 'rw'},noatime - ${type} /dev/sda1 rw\n`
  writeFileSync(join(tree, 'proc/self/mountinfo'), line)
  const calls: string[][] = []
  const exec: Exec = async (file, args) => {
    if (lack.includes(file)) throw new ToolMissingError(`${file}: not installed`)
    calls.push([file, ...args])
    if (fail?.test([file, ...args].join(' ')))
      throw new CommandError(`${file} ended with exit code 1: no blocklists`)
    if (file === 'sfdisk') return { stdout: table, stderr: '', exitCode: 0 }
    return { stdout: '--no-uefi-secure-boot', stderr: '', exitCode: 0 }
  }
  const stdout = new PassThrough()
  const stderr = new PassThrough()
  const text = (stream: PassThrough) => {
    let all = ''
    for (let part = stream.read(); part !== null; part = stream.read()) all += part
    return all
  }
  const ctx = { stdout, stderr, exec, root: createMachineRoot(tree), signal: new AbortController().signal }
  const flags: InstallLoaderFlags = {
    esp,
    hostpartUuid: UUID,
    realRoot: undefined,
    disk: undefined,
    append: undefined,
    console: undefined,
    timeout: undefined,
    target: undefined,
    rescueKernel: undefined,
    rescueInitramfs: undefined,
    plan: false,
    json: false,
  }
  return {
    dir,
    esp,
    calls,
    flags,
    out: () => text(stdout),
    err: () => text(stderr),
    install: (more: Partial<InstallLoaderFlags> = {}) => run({ ...flags, ...more }, ctx as never),
  }
}

async function failure<T extends SpeedisoError>(
  kind: new (...args: never[]) => T,
  work: Promise<unknown>,
): Promise<T> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.instance(error, kind)
  return error as T
}

test('installs for the firmware that this machine has', async () => {
  for (const efi of [false, true]) {
    const here = machine({ efi })
    assert.is(await here.install(), null)
    const installs = here.calls.filter(([file, arg]) => file === 'grub-install' && arg !== '--help')
    assert.equal(
      installs.map(([, target]) => target),
      efi ? ['--target=x86_64-efi', '--target=x86_64-efi'] : ['--target=i386-pc'],
    )
    if (!efi) assert.is(installs[0]?.at(-1), '/dev/sda')
    assert.equal([await isWhole(here.esp, 'a'), await isWhole(here.esp, 'b')], [true, true])
    assert.equal(await readTrialCopies(here.esp), [{ seq: 1 }, { seq: 1 }])
    assert.is(readFileSync(join(here.esp, 'grub/grub.cfg')).length, 512)
    // What grub-install leaves to the kernel is brought to the disk after each run of it.
    assert.is(here.calls.at(-1)?.[0], 'sync')
    assert.equal(
      readdirSync(join(here.esp, 'grub')).filter((name) => name.endsWith('.new')),
      [],
    )
    assert.match(here.out(), /^done: write speediso-1\.env and speediso-2\.env/)
  }
})

test('a second time changes nothing that a trial depends on', async () => {
  const here = machine()
  await here.install()
  await writeTrial(here.esp, { image: 'x', tries: 2 })
  const before = await readTrialCopies(here.esp)
  await here.install({ append: 'nomodeset' })
  assert.equal(await readTrialCopies(here.esp), before)
  assert.match(readFileSync(join(here.esp, 'grub/speediso-a.cfg'), 'utf8'), / nomodeset; then/)
})

test('--plan says what would be done, and does nothing', async () => {
  const here = machine()
  assert.is(await here.install({ plan: true, target: 'both' }), null)
  assert.equal(readdirSync(here.esp), [])
  const lines = here.out().trim().split('\n')
  assert.is(lines.length, 4)
  assert.match(lines[2] ?? '', /^install GRUB for BIOS on \/dev\/sda$/)
  assert.not.ok(here.calls.some(([file, arg]) => file === 'grub-install' && arg !== '--help'))
  await here.install({ plan: true, json: true })
  const { plan, config } = JSON.parse(here.out())
  assert.is(plan.length, 3)
  assert.match(config, /^# Made by speediso/)
})

test('the rescue system is copied; what is none is refused before anything is written', async () => {
  const here = machine()
  const kernel = join(here.dir, 'kernel')
  const initramfs = join(here.dir, 'initramfs')
  const bytes = Buffer.alloc(1000)
  writeFileSync(kernel, bytes)
  writeFileSync(initramfs, '070701 and so on')
  const rescue = { rescueKernel: kernel, rescueInitramfs: initramfs }
  assert.match((await failure(InputError, here.install(rescue))).message, /no Linux kernel/)
  bytes.write('HdrS', 0x202)
  writeFileSync(kernel, bytes)
  writeFileSync(initramfs, 'no archive')
  assert.match((await failure(InputError, here.install(rescue))).message, /no initramfs/)
  assert.equal(readdirSync(here.esp), [])
  writeFileSync(initramfs, '070701 and so on')
  await here.install(rescue)
  assert.equal(readFileSync(join(here.esp, 'rescue/kernel')), bytes)
  assert.is(readFileSync(join(here.esp, 'rescue/initramfs'), 'utf8'), '070701 and so on')
  assert.equal(readdirSync(join(here.esp, 'rescue')).sort(), ['initramfs', 'kernel'])
  // Without the flags it stays.
  await here.install()
  assert.ok(existsSync(join(here.esp, 'rescue/kernel')))
})

test('bad input is told, and nothing is written', async () => {
  const here = machine()
  const bad: [Partial<InstallLoaderFlags>, RegExp][] = [
    [{ esp: undefined }, /--esp DIR: is missing/],
    [{ hostpartUuid: undefined }, /--hostpart-uuid UUID: is missing/],
    [{ hostpartUuid: 'x; reboot' }, /is no UUID/],
    [{ esp: '/there/is/none' }, /there is no such folder/],
    [{ esp: here.dir }, /nothing is mounted there/],
    [{ target: 'arm' }, /--target arm/],
    [{ timeout: '-1' }, /--timeout -1/],
    [{ append: 'a="b"' }, /kernel arguments/],
    [{ append: 'a -- b' }, /--append: --/],
    [{ append: 'quiet real_root=/x.img' }, /--append: real_root=\/x\.img is what GRUB says itself/],
    [{ append: 'real-root=/x.img' }, /--append: real-root=\/x\.img is what/],
    [{ append: 'speediso.tries=9' }, /--append: speediso\.tries=9 is what/],
    [{ append: 'speediso.root.tries=77' }, /--append: speediso\.root\.tries=77: it has to be 1 to 9/],
    [{ append: 'speediso.loader=PARTUUID=1' }, /--append: speediso\.loader=PARTUUID=1: it has to be/],
    [{ rescueKernel: '/x', rescueInitramfs: '/y' }, /--rescue-kernel \/x: there is no such file/],
    [{ console: 'x' }, /--console x/],
    [{ realRoot: 'x' }, /does not end in \.img/],
    [{ rescueKernel: '/x' }, /a kernel and an initramfs/],
    [{ disk: '/dev/nope', plan: true }, /--disk \/dev\/nope: is no block device/],
    [{ disk: '/dev/null' }, /--disk \/dev\/null: is no block device/],
  ]
  for (const [flags, message] of bad) {
    assert.match((await failure(InputError, here.install(flags))).message, message)
  }
  assert.equal(readdirSync(here.esp), [])
})

test('kernel arguments that go with a second installation are told', async () => {
  const here = machine()
  await here.install({ append: 'nomodeset a=1', console: 'ttyS0' })
  assert.not.match(here.err(), 'of before')
  await here.install({ append: 'other' })
  assert.not.match(here.err(), 'of before')
  await here.install({ append: 'nomodeset a=1', console: 'ttyS0' })
  here.err()
  await here.install({ plan: true })
  const told =
    'warning: the kernel arguments of before go: console=ttyS0 nomodeset a=1; --console and --append set'
  assert.match(here.err(), told)
  await here.install()
  assert.match(here.err(), told)
  await here.install()
  assert.not.match(here.err(), 'of before')
})

test('a GPT disk without room for GRUB is told before anything is written, and in a plan', async () => {
  const name = readdirSync('/dev').find((each) =>
    statSync(join('/dev', each), { throwIfNoEntry: false })?.isBlockDevice(),
  )
  const bios = { type: '21686148-6449-6E6F-744E-656564454649' }
  const data = { type: '0FC63DAF-8483-4772-8E79-3D69D8477DE4' }
  const told = (label: string, ...partitions: object[]) =>
    JSON.stringify({ partitiontable: { label, partitions } })
  for (const plan of [true, false]) {
    const disk = { disk: `/dev/${name}`, plan }
    const bare = machine({ table: told('gpt', data) })
    const refused = await failure(InputError, bare.install(disk))
    assert.match(refused.message, /has no partition for GRUB for BIOS/)
    assert.match(refused.hint ?? '', /sgdisk --new=0:0:\+1M --typecode=0:EF02/)
    assert.equal(readdirSync(bare.esp), [])
    for (const table of [told('gpt', data, bios), told('dos', { type: '83' }), 'nothing', ''])
      assert.is(await machine({ table }).install(disk), null, table)
    assert.is(await machine({ table: told('gpt', data), efi: true }).install({ plan }), null)
  }
})

test("a GRUB that cannot be installed: it is said where somebody else's configuration is now", async () => {
  const here = machine({ fail: /--target=i386-pc/ })
  mkdirSync(join(here.esp, 'grub'))
  writeFileSync(join(here.esp, 'grub/grub.cfg'), 'menuentry mine {}')
  await failure(SpeedisoError, here.install())
  assert.match(
    here.err(),
    /warning: .*grub\.cfg is speediso's by now; the one of before is grub\/grub\.cfg\.before-/,
  )
})

test('a partition is no disk for GRUB', async () => {
  const name = readdirSync('/dev').find((each) =>
    statSync(join('/dev', each), { throwIfNoEntry: false })?.isBlockDevice(),
  )
  const here = machine()
  assert.is(await here.install({ disk: `/dev/${name}`, plan: true }), null)
  mkdirSync(join(here.dir, `root/sys/class/block/${name}`))
  writeFileSync(join(here.dir, `root/sys/class/block/${name}/partition`), '1\n')
  const refused = await failure(InputError, here.install({ disk: `/dev/${name}`, plan: true }))
  assert.match(refused.message, /is a partition/)
})

test('a filesystem that GRUB cannot write into is refused', async () => {
  assert.match((await failure(InputError, machine({ type: 'btrfs' }).install())).message, /is btrfs/)
  assert.match((await failure(InputError, machine({ readOnly: true }).install())).message, /read-only/)
  assert.match(
    (await failure(InputError, machine({ type: 'ext4' }).install({ target: 'both' }))).message,
    /is ext4/,
  )
  assert.is(await machine({ type: 'ext4' }).install(), null)
})

test('programs that are missing or fail', async () => {
  const bare = machine({ lack: ['grub-install', 'grub2-install'] })
  assert.match((await failure(ToolMissingError, bare.install())).hint ?? '', /grub2-common/)
  const fedora = machine({ lack: ['grub-install', 'grub-script-check'] })
  await fedora.install()
  assert.ok(fedora.calls.some(([file, arg]) => file === 'grub2-install' && arg === '--target=i386-pc'))

  const unchecked = machine({ lack: ['grub-script-check', 'grub2-script-check'] })
  await unchecked.install()
  assert.match(unchecked.err(), /warning: there is no grub-script-check/)

  const wrong = machine({ fail: /script-check/ })
  assert.match((await failure(SpeedisoError, wrong.install())).message, /none that GRUB can read/)
  assert.equal(readdirSync(wrong.esp), [])

  const full = machine({ fail: /--target=i386-pc/ })
  const noRoom = await failure(SpeedisoError, full.install())
  assert.match(noRoom.hint ?? '', /BIOS boot partition/)
  // The copies and the configuration are there: it is no exit code of one that has done nothing.
  assert.ok(readdirSync(full.esp).length > 0)
  assert.is(exitCode({ error: noRoom }), 3)

  // Without an entry of the firmware the machine boots all the same.
  const noEntry = machine({ efi: true, fail: /bootloader-id/ })
  assert.is(await noEntry.install(), null)
  assert.match(noEntry.err(), /warning: not done: .*entry of the firmware/)
})

/** blkid, mount and umount as they answer here. */
function espWorld(devices: string, umountFails = 0, mountedElsewhere = false) {
  const dir = freshDir()
  const calls: string[] = []
  let fails = umountFails
  const exec: Exec = async (file, args) => {
    calls.push(
      [file, ...args]
        .join(' ')
        .replaceAll(dir, 'TMP')
        .replace(/esp-\w+/, 'esp'),
    )
    if (file === 'umount' && fails-- > 0) throw new CommandError('umount: target is busy')
    if (file === 'mount' && mountedElsewhere && args[1]?.startsWith('ro'))
      throw new CommandError('mount: /dev/sda1 already mounted or mount point busy')
    return { stdout: file === 'blkid' ? devices : '', stderr: '', exitCode: 0 }
  }
  return { dir, calls, deps: { exec, temporaryDir: dir } }
}

test('the boot partition is mounted for as long as the work lasts', async () => {
  const { dir, calls, deps } = espWorld('/dev/sda1\n', 2)
  const result = await withEsp('LABEL=EFI-BOOT', deps, async (path) => {
    assert.ok(path.startsWith(dir) && existsSync(path))
    calls.push('work')
    return 7
  })
  assert.is(result, 7)
  assert.equal(calls, [
    'blkid --cache-file /dev/null --output device --match-token LABEL=EFI-BOOT',
    'mount -o rw,nodev,nosuid,noexec,noatime /dev/sda1 TMP/speediso-esp',
    'work',
    ...Array.from({ length: 3 }, () => 'umount TMP/speediso-esp'),
  ])
  assert.equal(readdirSync(dir), [])
})

test('to read, it is mounted read-only, unless it is mounted for writing already', async () => {
  for (const busy of [false, true]) {
    const { calls, deps, dir } = espWorld('/dev/sda1\n', 0, busy)
    const said: string[] = []
    const loader = openLoader('LABEL=EFI-BOOT', { ...deps, say: (_, text) => said.push(text) })
    assert.is(await loader.read(), undefined)
    assert.match(said.join(), /does not count trials/)
    const options = calls.flatMap((call) => /^mount -o (r[ow]),.* TMP\/speediso-esp$/.exec(call)?.[1] ?? [])
    assert.equal(options, busy ? ['ro', 'rw'] : ['ro'])
    await loader.write(undefined)
    assert.ok(calls.at(-2)?.startsWith('mount -o rw,'), calls.join('\n'))
    assert.equal(readdirSync(dir), [])
  }
})

test('the work that fails is told, not what follows from it', async () => {
  const { calls, deps, dir } = espWorld('/dev/sda1\n')
  const error = new SpeedisoError('the work')
  const told = await failure(
    SpeedisoError,
    withEsp('/dev/null', deps, () => Promise.reject(error)),
  )
  assert.is(told, error)
  assert.is(calls.at(-1), 'umount TMP/speediso-esp')
  assert.not.ok(calls.some((call) => call.startsWith('blkid')))
  assert.equal(readdirSync(dir), [])
})

test('no boot partition, and more than one', async () => {
  assert.match(
    (await failure(ReadError, findEsp('UUID=8796-9693', espWorld('').deps))).message,
    /there is no/,
  )
  const two = await failure(ReadError, findEsp('LABEL=EFI-BOOT', espWorld('/dev/sda1\n/dev/sdb1\n').deps))
  assert.match(two.message, /2 boot partitions LABEL=EFI-BOOT: \/dev\/sda1, \/dev\/sdb1/)
  await failure(InputError, findEsp('EFI-BOOT', espWorld('').deps))
  const path = await failure(ReadError, findEsp('/dev/no-such-disk', espWorld('').deps))
  assert.match(path.message, /there is no boot partition \/dev\/no-such-disk/)
})

test('a boot partition that comes late is waited for', async () => {
  const { deps } = espWorld('')
  let asked = 0
  const exec: Exec = async () => ({ stdout: ++asked < 3 ? '' : '/dev/sda1\n', stderr: '', exitCode: 0 })
  assert.is(await findEsp('LABEL=EFI-BOOT', { ...deps, exec, patience: 5 }), '/dev/sda1')
  assert.is(asked, 3)
  asked = -100
  await failure(ReadError, findEsp('LABEL=EFI-BOOT', { ...deps, exec, patience: 1 }))
  assert.is(asked, -98)
})

test('ended while it is mounted: it is unmounted again', async () => {
  const { dir, deps, calls } = espWorld('/dev/sda1\n')
  const stop = new AbortController()
  const exec: Exec = (file, args, options) => {
    if (file === 'mount') stop.abort(new SpeedisoError('ended'))
    return deps.exec(file, args, options)
  }
  const work = async () => assert.unreachable('worked all the same')
  const ended = { ...deps, exec, signal: stop.signal }
  assert.match((await failure(SpeedisoError, withEsp('LABEL=EFI-BOOT', ended, work))).message, /^ended$/)
  assert.is(calls.at(-1), 'umount TMP/speediso-esp')
  assert.equal(readdirSync(dir), [])
})

test.run()
