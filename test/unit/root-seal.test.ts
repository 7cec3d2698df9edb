import { existsSync, linkSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { InputError } from '../../src/errors.ts'
import { parseImageEnv } from '../../src/root/loader/image-env.ts'
import { sealStep } from '../../src/root/seal/act.ts'
import { REMOVE, type SealEntry } from '../../src/root/seal/entry.ts'
import { listPlaces } from '../../src/root/seal/list.ts'
import { expandBraces, matcher } from '../../src/root/seal/pattern.ts'
import { keepLines, planSeal } from '../../src/root/seal/plan.ts'
import { findRemnants, pickNeedle } from '../../src/root/seal/remnants.ts'
import { type SealDeps, seal, showSeal } from '../../src/root/seal/seal.ts'
import { SEAL_TABLE } from '../../src/root/seal/table.ts'
import { CLEAN, LIVED_IN, plant, secret, type Tree } from './helpers/seal-tree.ts'
import { temporaryDir } from './helpers/temporary.ts'

const dir = temporaryDir()
const signal = new AbortController().signal
let count = 0

function tree(...parts: Tree[]): string {
  count += 1
  const root = join(dir, `root-${count}`)
  for (const part of parts) plant(root, part)
  return root
}

function deps(more: Partial<SealDeps> = {}): SealDeps {
  const exec = async () => {
    throw new Error('a folder needs no program')
  }
  return { exec, signal, table: SEAL_TABLE, temporary: dir, machine: '/', log() {}, ...more }
}

const read = (root: string, path: string) => readFileSync(join(root, path), 'utf8')
const plan = async (root: string, table: readonly SealEntry[] = SEAL_TABLE) =>
  planSeal(table, await listPlaces(root, table, signal))

test('patterns: braces, stars that stand for a leading dot too, and nothing else', () => {
  assert.equal(expandBraces('a/{b,c{d,e}}/f'), ['a/b/f', 'a/cd/f', 'a/ce/f'])
  assert.equal(expandBraces('{x,y}{1,2}'), ['x1', 'x2', 'y1', 'y2'])
  assert.equal(expandBraces('x{,.old}'), ['x', 'x.old'])
  assert.throws(() => expandBraces('a{b'), /not closed/)
  assert.is(matcher('passwd'), undefined)
  assert.ok(matcher('ssh_host_*')?.test('ssh_host_rsa_key'))
  assert.ok(matcher('*')?.test('.hidden'))
  assert.not.ok(matcher('a.b*')?.test('axb'))
  assert.ok(matcher('????')?.test('abcd'))
})

test('the table: each entry has a name of its own, says what and from where, and stays below the root', () => {
  assert.is(new Set(SEAL_TABLE.map(({ name }) => name)).size, SEAL_TABLE.length)
  for (const { name, what, from, paths } of SEAL_TABLE) {
    assert.match(name, /^[a-z0-9-]+$/)
    assert.ok(what.length > 8 && from.length > 3, name)
    for (const path of paths.flatMap(expandBraces)) {
      assert.not.match(path, /^\/|\/$|\/\/|(^|\/)\.\.?(\/|$)/, name)
      // A whole folder of the system would go.
      assert.ok(path.split('/').length > 1 || path === 'tmp', `${name}: ${path}`)
    }
  }
})

test('an image that no host has touched has nothing to remove, with its certificates of authorities', async () => {
  assert.equal(await plan(tree(CLEAN)), [])
})

test('everything that a host leaves is found, and the plan is what is done: afterwards nothing is left', async () => {
  const root = tree(CLEAN, LIVED_IN)
  const shown = await showSeal(root, deps())
  const paths = shown.steps.map(({ path }) => path)
  const names = Object.keys(LIVED_IN).filter(
    (path) => !paths.some((each) => `${path}/`.startsWith(`${each}/`)),
  )
  assert.equal(names, [], 'a file that no step covers')
  assert.ok(shown.steps.every(({ files, kind }) => files > 0 || kind === 'folder'))
  const result = await seal(root, {}, deps())
  assert.is(result.verdict, 'passed', result.reasons.join('; '))
  assert.equal(result.steps, shown.steps)
  assert.equal(result.left, [])
  assert.is(result.kernelRelease, '6.1.0-30-amd64')
  for (const path of ['etc/hostname', 'etc/hostid', 'srv/krb5.keytab', 'etc/wireguard/wg0.conf'])
    assert.not.ok(existsSync(join(root, path)), path)
  assert.is(read(root, 'etc/machine-id'), 'uninitialized\n')
  assert.is(read(root, 'etc/puppetlabs/puppet/puppet.conf'), '[main]\nserver = puppet\n')
  assert.ok(existsSync(join(root, 'var/log/nginx')), 'a service finds its folder of logs')
  for (const [path, content] of Object.entries(CLEAN))
    if (!content.toString().startsWith('-> '))
      assert.equal(readFileSync(join(root, path)), Buffer.from(content), path)
})

test('a place that was not cleared is found by the second look', async () => {
  const root = tree(CLEAN, LIVED_IN)
  const act: SealDeps['act'] = async (at, step) =>
    step.entry === 'iscsi-initiator' ? [] : sealStep(at, step)
  const result = await seal(root, {}, deps({ act }))
  assert.is(result.verdict, 'failed')
  assert.equal(
    result.left.map(({ path }) => path),
    ['etc/iscsi/initiatorname.iscsi'],
  )
  assert.match(result.reasons.join(), /initiatorname\.iscsi is still there/)
})

test('each entry of the table is found by itself, and not any more after its step', async () => {
  for (const entry of SEAL_TABLE) {
    const [pattern] = entry.paths.flatMap(expandBraces)
    const path = (pattern ?? '').replace(/^~/, 'root').replaceAll('*', 'x').replaceAll('?', 'a')
    const folder = entry.action.do === 'clear' || entry.action.do === 'clear files'
    const root = tree({ [folder ? `${path}/deep/file` : path]: sample(entry) })
    const steps = await plan(root, [entry])
    assert.is(steps.length, 1, entry.name)
    for (const step of steps) await sealStep(root, step)
    assert.equal(await plan(root, [entry]), [], entry.name)
  }
})

/** A text that the entry means. */
function sample({ name, action, holding }: SealEntry): string {
  const texts = [
    'ATTR{address}=="52:54:00:12:34:56"\n',
    'MACAddress=52:54:00:12:34:56\n',
    '  macaddress: 52:54:00:12:34:56\n',
    'PrivateKey=abc\n',
    '0123456789abcdef0123456789abcdef\n',
    ...['HOSTNAME=a', '127.0.1.1 a', 'ARRAY /dev/md0', 'HWADDR=1', 'myhostname = a', 'certname = a', 'id: a'],
    ...['uuid = 1', 'host_uuid = 1', 'nodeid: 1', 'engineID 1', 'Hostname=a'],
  ]
  const wanted = holding ?? ('matching' in action ? action.matching : /./)
  const found = texts.find((text) => wanted.test(text))
  if (found === undefined) throw new Error(`no sample for ${name}`)
  return found
}

test('no link leads out of the image, neither of a folder nor of a file', async () => {
  const outside = join(dir, 'outside')
  plant(outside, { ssh_host_rsa_key: 'mine\n', id: 'mine\n', 'log/a': 'mine\n' })
  const root = tree(CLEAN)
  mkdirSync(join(root, 'var/lib/dbus'), { recursive: true })
  mkdirSync(join(root, 'etc/wireguard'), { recursive: true })
  symlinkSync(join(outside, 'log'), join(root, 'var/log'))
  symlinkSync(join(outside, 'id'), join(root, 'etc/machine-id'))
  symlinkSync(`../../../../../../../../../..${outside}/id`, join(root, 'var/lib/dbus/machine-id'))
  symlinkSync(join(outside, 'ssh_host_rsa_key'), join(root, 'etc/ssh/ssh_host_rsa_key'))
  symlinkSync(`../../../../../../../../..${outside}/id`, join(root, 'etc/wireguard/wg0.conf'))
  const result = await seal(root, {}, deps())
  assert.is(result.verdict, 'passed', result.reasons.join('; '))
  for (const path of ['ssh_host_rsa_key', 'id', 'log/a']) assert.is(read(outside, path), 'mine\n')
  assert.throws(() => statSync(join(root, 'etc/ssh/ssh_host_rsa_key')))
})

test('a link to a folder of the image is followed there', async () => {
  const root = tree(CLEAN, {
    'srv/keys/ssh_host_rsa_key': secret('a'),
    'srv/id': 'x\n',
    'etc/machine-id': '-> ../srv/id',
  })
  symlinkSync('/srv/keys', join(root, 'etc/dropbear'))
  plant(root, { 'srv/keys/dropbear_rsa_host_key': secret('b') })
  const result = await seal(root, {}, deps())
  assert.is(result.verdict, 'passed')
  assert.not.ok(existsSync(join(root, 'srv/keys/dropbear_rsa_host_key')))
  assert.is(read(root, 'srv/id'), 'uninitialized\n')
  assert.ok(existsSync(join(root, 'srv/keys/ssh_host_rsa_key')), 'no entry names this one')
})

test('a secret is overwritten before it is removed, but not under its other name', async () => {
  const root = tree(CLEAN, { 'etc/wireguard/a.conf': secret('a'), 'etc/wireguard/b.conf': secret('b') })
  linkSync(join(root, 'etc/wireguard/b.conf'), join(root, 'usr/share/kept'))
  const a = readFileSync(join(root, 'etc/wireguard/a.conf'))
  // Stays open, so that what is in its blocks can still be read.
  await using file = await (await import('node:fs/promises')).open(join(root, 'etc/wireguard/a.conf'), 'r')
  assert.is((await seal(root, {}, deps())).verdict, 'passed')
  const { buffer } = await file.read(Buffer.alloc(a.length), 0, a.length, 0)
  assert.equal(buffer, Buffer.alloc(a.length))
  assert.is(read(root, 'usr/share/kept'), secret('b'))
})

test('the image gets a new id and keeps what else it says; its version comes from the nearest source', async () => {
  const root = tree(CLEAN)
  const first = await seal(root, {}, deps())
  assert.is(first.version, '12')
  const env = () => parseImageEnv(readFileSync(join(root, 'boot/speediso.env')))
  assert.equal(env(), { image: first.image, version: '12' })
  const block = Buffer.from('# GRUB Environment Block\nappend=console=ttyS0\nversion=7\n'.padEnd(1024, '#'))
  writeFileSync(join(root, 'boot/speediso.env'), block)
  const second = await seal(root, {}, deps())
  assert.is.not(second.image, first.image)
  assert.equal(env(), { image: second.image, version: '7', append: 'console=ttyS0' })
  const third = await seal(root, { version: '8' }, deps())
  assert.equal(env(), { image: third.image, version: '8', append: 'console=ttyS0' })
})

test('what is no root image is refused, and nothing is changed', async () => {
  const { 'boot/kernel': _, ...noKernel } = CLEAN
  const { 'boot/initrd.img-6.1.0-30-amd64': __, ...noInitramfs } = CLEAN
  const damaged = { ...CLEAN, 'boot/speediso.env': 'image=1\n' }
  for (const [parts, message] of [
    [noKernel, /holds no \/boot\/kernel/],
    [noInitramfs, /holds no \/boot\/initramfs/],
    [damaged, /no GRUB environment block/],
  ] as const) {
    const root = tree(parts, LIVED_IN)
    try {
      await seal(root, {}, deps())
      assert.unreachable()
    } catch (error) {
      assert.instance(error, InputError)
      assert.match((error as Error).message, message)
    }
    assert.is(read(root, 'etc/hostname'), 'node7\n')
  }
})

test('the root of the running machine is refused', async () => {
  try {
    await seal('/', {}, deps())
    assert.unreachable()
  } catch (error) {
    assert.instance(error, InputError)
    assert.match((error as Error).message, /would lose its identity/)
  }
})

test('what changes between plan and act is not touched', async () => {
  const root = tree({ 'etc/hostid': 'x', 'other/file': 'y' })
  const [step] = await plan(root)
  if (step === undefined) throw new Error('no step')
  const away = join(root, 'etc')
  const { renameSync } = await import('node:fs')
  renameSync(away, join(root, 'moved'))
  symlinkSync('moved', away)
  let message = ''
  await sealStep(root, step).catch((error: Error) => {
    message = error.message
  })
  assert.match(message, /has changed since the plan/)
  assert.is(read(root, 'moved/hostid'), 'x')
})

test('a folder that cannot be read leaves the verdict open', async () => {
  const root = tree(CLEAN)
  // A link in a circle is no folder; a name that is too long for lstat cannot be seen.
  const table: SealEntry[] = [
    { name: 'long', what: 'cannot be seen', paths: [`etc/${'x'.repeat(300)}`], action: REMOVE, from: 'test' },
  ]
  const result = await seal(root, {}, deps({ table }))
  assert.is(result.verdict, 'unknown')
  assert.match(result.reasons.join(), /ENAMETOOLONG/)
})

test('a file is counted once, by the first step that takes it', async () => {
  const entry = (name: string, path: string): SealEntry => ({
    name,
    what: 'something',
    paths: [path],
    action: { do: 'clear files' },
    from: 'test',
  })
  const root = tree({ 'a/b/one': '12345', 'a/two': '123' })
  const steps = await plan(root, [entry('inner', 'a/b'), entry('outer', 'a')])
  assert.equal(
    steps.map(({ files, bytes }) => [files, bytes]),
    [
      [1, 5],
      [1, 3],
    ],
  )
})

test('lines are dropped, and the others stay as they are', () => {
  assert.is(keepLines('a=1\r\nid: x\r\nb', /^id:/), 'a=1\r\nb')
  assert.is(keepLines('id: x', /^id:/), '')
  assert.is(keepLines('', /^id:/), '')
})

test('a piece of a removed file is found in a raw image wherever it lies, and not when it is gone', async () => {
  const needle = pickNeedle('key', Buffer.from(secret('x')))
  if (needle === undefined) throw new Error('no needle')
  const image = join(dir, 'raw')
  const size = 9 * 2 ** 20
  // Also across the border of two reads, and at the very end.
  for (const at of [0, 4 * 2 ** 20 - 7, 4 * 2 ** 20, size - needle.bytes.length]) {
    const bytes = Buffer.alloc(size)
    needle.bytes.copy(bytes, at)
    writeFileSync(image, bytes)
    assert.equal(await findRemnants(image, [needle], signal), [{ path: 'key', offset: at }])
  }
  writeFileSync(image, Buffer.alloc(size, 7))
  assert.equal(await findRemnants(image, [needle], signal), [])
  assert.is(pickNeedle('short', Buffer.from('abc')), undefined)
  assert.is(pickNeedle('dull', Buffer.alloc(500, '-')), undefined)
})

test.run()
