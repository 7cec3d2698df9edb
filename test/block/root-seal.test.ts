import { execFileSync, spawnSync } from 'node:child_process'
import { generateKeyPairSync, verify } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CliContext } from '../../src/cli/context.ts'
import { run } from '../../src/cli/root/seal.ts'
import { InputError } from '../../src/errors.ts'
import { parseManifest } from '../../src/root/manifest/manifest.ts'
import { type SealDeps, seal, showSeal } from '../../src/root/seal/seal.ts'
import { SEAL_TABLE } from '../../src/root/seal/table.ts'
import { systemClock } from '../../src/system/clock.ts'
import { createExec } from '../../src/system/exec.ts'
import { createMachineRoot } from '../../src/system/machine-root.ts'
import { outputs } from '../unit/helpers/outputs.ts'
import { CLEAN, LIVED_IN, plant, secret } from '../unit/helpers/seal-tree.ts'
import { temporaryDir } from '../unit/helpers/temporary.ts'

const dir = temporaryDir()
const exec = createExec()
const signal = new AbortController().signal
const OLD = secret('removed long before')

const deps = (more: Partial<SealDeps> = {}): SealDeps => ({
  exec,
  signal,
  table: SEAL_TABLE,
  temporary: dir,
  machine: '/',
  log() {},
  ...more,
})

/** An image that a host has lived in, with a secret that was removed before anybody thought of sealing. */
function makeImage(name: string, mkfs: string[], sizeMiB: number): string {
  const file = join(dir, `${name}.img`)
  ftruncateSync(openSync(file, 'wx'), sizeMiB * 2 ** 20)
  execFileSync(mkfs[0] ?? '', [...mkfs.slice(1), file], { stdio: 'ignore' })
  inImage(file, (root) => {
    plant(root, { ...CLEAN, ...LIVED_IN, 'root/removed': OLD.repeat(40) })
    execFileSync('sync', ['--file-system', root])
    rmSync(join(root, 'root/removed'))
  })
  return file
}

function inImage<T>(file: string, act: (root: string) => T): T {
  const at = mkdtempSync(join(dir, 'mounted-'))
  execFileSync('mount', ['-o', 'loop,nodiscard', file, at])
  try {
    return act(at)
  } finally {
    execFileSync('umount', [at])
  }
}

const loops = (file: string) => execFileSync('losetup', ['-j', file], { encoding: 'utf8' })
const holds = (file: string, text: string) => readFileSync(file).includes(text.slice(100, 140))
const mounts = () => readFileSync('/proc/self/mounts', 'utf8').includes(dir)

test('ext4: sealed, signed, and no secret is left in the raw image, not even in its free blocks', async () => {
  const file = makeImage('ext4', ['mkfs.ext4', '-q', '-F', '-E', 'nodiscard'], 64)
  for (const text of [OLD, secret('ssh'), secret('wireguard')])
    assert.ok(holds(file, text), 'control: the secret is there before')

  const before = readFileSync(file)
  const plan = await showSeal(file, deps())
  assert.ok(plan.steps.length > 20)
  assert.ok(readFileSync(file).equals(before), 'a plan changes no byte')

  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const key = join(dir, 'key.pem')
  writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const { out, stdout, stderr } = outputs()
  const ctx = {
    exec,
    signal,
    clock: systemClock,
    root: createMachineRoot('/'),
    stdout,
    stderr,
  } as unknown as CliContext
  const flags = { json: true, manifest: '', pack: true, 'sign-key': key, 'image-version': '1.4' }
  assert.is(await run(file, flags, ctx), 'passed')
  const document = JSON.parse(out.stdout)
  assert.equal(document.steps.length, plan.steps.length)
  assert.equal(document.left, [])
  assert.match(document.trimmed, /trimmed/)
  assert.ok(document.searched.needles >= 7)
  assert.equal(document.searched.found, [])

  const bytes = readFileSync(`${file}.json`)
  const { manifest, pack } = parseManifest(bytes)
  assert.equal(document.manifest, [`${file}.json`, `${file}.chunks`, `${file}.json.sig`])
  assert.is(statSync(`${file}.chunks`).size, pack?.size)
  assert.is(manifest.image, document.image)
  assert.is(manifest.version, '1.4')
  assert.is(manifest.kernelRelease, '6.1.0-30-amd64')
  const signature = Buffer.from(readFileSync(`${file}.json.sig`, 'utf8'), 'base64')
  assert.ok(verify(null, bytes, publicKey, signature))

  for (const text of [OLD, ...['ssh', 'ceph', 'puppet', 'wireguard', 'ada', 'seed', 'keytab'].map(secret)])
    assert.not.ok(holds(file, text))
  assert.is(spawnSync('e2fsck', ['-f', '-n', file]).status, 0)
  assert.is(loops(file), '')
  assert.not.ok(mounts())
  inImage(file, (root) => {
    assert.is(readFileSync(join(root, 'etc/machine-id'), 'utf8'), 'uninitialized\n')
    assert.not.ok(existsSync(join(root, 'etc/ssh/ssh_host_ed25519_key')))
  })
})

test('control: without trimming, and with files that are only removed, the raw image still holds them', async () => {
  const file = makeImage('control', ['mkfs.ext4', '-q', '-F', '-E', 'nodiscard'], 64)
  const ssh = SEAL_TABLE.filter(({ name }) => name === 'ssh-host-keys').map(
    ({ secret: _, ...entry }) => entry,
  )
  const noTrim: SealDeps['exec'] = (program, args, options) => {
    if (program === 'fstrim') throw new Error('the discard operation is not supported')
    return exec(program, args, options)
  }
  const result = await seal(file, {}, deps({ table: ssh, exec: noTrim }))
  assert.is(result.verdict, 'unknown')
  assert.match(result.reasons.join(), /may still lie in free blocks.*not supported/)
  assert.ok(holds(file, secret('ssh')))
  assert.ok(holds(file, OLD))
})

test('control: a copy of a removed secret elsewhere in the image is found by the search', async () => {
  const file = makeImage('copy', ['mkfs.ext4', '-q', '-F', '-E', 'nodiscard'], 64)
  inImage(file, (root) => plant(root, { 'opt/backup/keys.tar': `archive ${secret('ssh')}` }))
  const result = await seal(file, {}, deps())
  assert.is(result.verdict, 'failed')
  assert.equal(
    result.searched?.found.map(({ path }) => path),
    ['etc/ssh/ssh_host_ed25519_key'],
  )
  assert.match(result.reasons.join(), /a piece of what was \/etc\/ssh\/ssh_host_ed25519_key is still/)
})

for (const [name, mkfs, size] of [
  ['ext4 with blocks of 1 KiB', ['mkfs.ext4', '-q', '-F', '-b', '1024', '-E', 'nodiscard'], 48],
  ['xfs', ['mkfs.xfs', '-q', '-K'], 320],
  ['btrfs', ['mkfs.btrfs', '-q', '-K'], 160],
] as const)
  test(`${name}: sealed, and no secret is left`, async () => {
    const file = makeImage(name.replaceAll(' ', '-'), [...mkfs], size)
    assert.ok(holds(file, secret('ssh')))
    const result = await seal(file, {}, deps())
    assert.is(result.verdict, 'passed', result.reasons.join('; '))
    for (const text of [OLD, ...['ssh', 'ceph', 'wireguard', 'ada'].map(secret)])
      assert.not.ok(holds(file, text))
    assert.is(loops(file), '')
  })

async function refused(path: string, message: RegExp): Promise<void> {
  try {
    await seal(path, {}, deps())
  } catch (error) {
    assert.instance(error, InputError)
    assert.match((error as Error).message, message)
    return
  }
  assert.unreachable('was not refused')
}

test('an image in use, a whole disk, a compressed image, an empty file and no image are refused unchanged', async () => {
  const file = makeImage('used', ['mkfs.ext4', '-q', '-F'], 32)
  const at = join(dir, 'used')
  mkdirSync(at)
  execFileSync('mount', ['-o', 'loop,ro', file, at])
  const before = readFileSync(file)
  try {
    await refused(file, /is in use: \/dev\/loop\d+/)
  } finally {
    execFileSync('umount', [at])
  }
  assert.ok(readFileSync(file).equals(before))

  const disk = join(dir, 'disk.img')
  copyFileSync(file, disk)
  execFileSync('sgdisk', ['--clear', '--new=1:2048:+8M', disk], { stdio: 'ignore' })
  await refused(disk, /partition table|more than one filesystem/)

  const packed = join(dir, 'packed.img')
  execFileSync('mksquashfs', [join(dir, 'used'), packed, '-quiet', '-no-progress'], { stdio: 'ignore' })
  await refused(packed, /squashfs\) cannot be changed/)

  const empty = join(dir, 'empty.img')
  writeFileSync(empty, Buffer.alloc(65536))
  await refused(empty, /no filesystem/)

  const short = join(dir, 'short.img')
  copyFileSync(file, short)
  truncateSync(short, 30_000_000)
  await refused(short, /short\.img: has 30000000 bytes, and its ext4 filesystem takes 33554432$/)
  const swap = join(dir, 'swap.img')
  ftruncateSync(openSync(swap, 'wx'), 8 * 2 ** 20)
  execFileSync('mkswap', [swap], { stdio: 'ignore' })
  await refused(swap, /swap\.img: is swap and no filesystem$/)
  await refused(join(dir, 'nothing.img'), /no such file/)
  await refused('/dev/null', /neither an image file nor a folder/)

  inImage(file, (root) => rmSync(join(root, 'boot/kernel')))
  await refused(file, /used\.img: it holds no \/boot\/kernel/)
  assert.is(loops(file), '')
  inImage(file, (root) => assert.is(readFileSync(join(root, 'etc/hostname'), 'utf8'), 'node7\n'))
})

test('a manifest that could not be written is told before anything is sealed', async () => {
  const file = makeImage('unwritten', ['mkfs.ext4', '-q', '-F'], 32)
  const before = readFileSync(file)
  const { stdout, stderr } = outputs()
  const root = createMachineRoot('/')
  const ctx = {
    ...{ exec, signal, clock: systemClock },
    ...{ root, stdout, stderr },
  } as unknown as CliContext
  const folder = mkdtempSync(join(dir, 'manifest-'))
  mkdirSync(join(folder, 'a.json.sig'))
  mkdirSync(`${file}.json`)
  const [key, rsa, link] = ['key.json.sig', 'rsa.pem', 'link.json'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  const form = { type: 'pkcs8', format: 'pem' } as const
  writeFileSync(key, generateKeyPairSync('ed25519').privateKey.export(form))
  writeFileSync(rsa, generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export(form))
  symlinkSync(file, link)
  const readOnly = join(folder, 'read-only')
  mkdirSync(readOnly)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'tmpfs', readOnly])
  const bad: [flags: Record<string, string | boolean>, message: RegExp][] = [
    ...[folder, join(folder, 'a.json'), ''].map((manifest): [Record<string, string | boolean>, RegExp] => [
      { manifest },
      /--manifest .*: is a folder$/,
    ]),
    [{ manifest: join(folder, 'b.json'), 'sign-key': '/nope' }, /--sign-key \/nope: there is no such/],
    [{ manifest: join(folder, 'b.json'), 'sign-key': rsa }, /rsa\.pem: is no private Ed25519 key in PEM/],
    ...[file, link, join(folder, '..', basename(file))].map(
      (manifest): [Record<string, string | boolean>, RegExp] => [
        { manifest },
        new RegExp(`--manifest .*: would be written over ${file}$`),
      ],
    ),
    [{ manifest: key, 'sign-key': key }, /would be written over .*key\.json\.sig$/],
    [{ manifest: key.slice(0, -4), 'sign-key': key }, /would be written over .*key\.json\.sig$/],
    [{ manifest: `${file}.chunks`, pack: true }, /--pack .*: would be written over .*chunks$/],
    [{ manifest: join(readOnly, 'x.json') }, /x\.json: nothing can be written there \(EROFS\)$/],
    [{ manifest: join(folder, 'none', 'x.json') }, /x\.json: there is no such folder$/],
    [{ 'sign-key': '/nope' }, /there is no manifest to sign/],
    [{ pack: true }, /--pack: there is no manifest to tell what is in it/],
    [{ 'image-version': 'a b' }, /--image-version a b: is no version/],
    [{ 'image-version': 'a"b' }, /is no version/],
    [{ 'image-version': 'a\nappend=x' }, /is no version/],
  ]
  try {
    for (const [flags, message] of bad)
      for (const plan of [true, false]) {
        const error = await run(file, { ...flags, plan }, ctx).catch((thrown: unknown) => thrown)
        assert.instance(error, InputError, JSON.stringify(flags))
        assert.match((error as Error).message, message)
      }
  } finally {
    execFileSync('umount', [readOnly])
  }
  assert.ok(readFileSync(file).equals(before))
})

test('a manifest that could not be written after all: it is said that the image is sealed', async () => {
  const file = makeImage('half-told', ['mkfs.ext4', '-q', '-F'], 32)
  const small = mkdtempSync(join(dir, 'small-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4k', 'tmpfs', small])
  try {
    const { out, stdout, stderr } = outputs()
    const root = createMachineRoot('/')
    const ctx = {
      ...{ exec, signal, clock: systemClock },
      ...{ root, stdout, stderr },
    } as unknown as CliContext
    const flags = { manifest: join(small, 'x.json'), 'image-version': '1' }
    const error = await run(file, flags, ctx).catch((thrown: unknown) => thrown)
    assert.match((error as Error).message, /half-told\.img is sealed, but its manifest was not written/)
    assert.match(((error as Error).cause as Error).message, /ENOSPC/)
    assert.match(out.stderr, /^seal: PASSED/m)
    assert.is(out.stdout, '')
    assert.equal(readdirSync(small), [])
  } finally {
    execFileSync('umount', [small])
  }
})

test('a folder in which something is mounted is refused before anything of it is removed', async () => {
  const root = join(dir, 'folder')
  plant(root, { ...CLEAN, ...LIVED_IN })
  const at = join(root, 'tmp/.X11-unix')
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', at])
  try {
    writeFileSync(join(at, 'mine'), 'x')
    await refused(root, /\/tmp\/\.X11-unix is on another filesystem/)
    assert.equal(readdirSync(at), ['mine'])
    assert.ok(existsSync(join(root, 'etc/hostname')))
  } finally {
    execFileSync('umount', [at])
  }
})

test.run()
