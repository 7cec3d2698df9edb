import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, relative } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CliContext } from '../../src/cli/context.ts'
import { run as runConfirm } from '../../src/cli/root/confirm.ts'
import { formatTrialEnv } from '../../src/root/loader/trial-env.ts'
import { makeManifest, manifestBytes } from '../../src/root/manifest/manifest.ts'
import { keyOf } from '../../src/root/observe/files.ts'
import { readRecord } from '../../src/root/record-file.ts'
import { fileOfLoop } from '../../src/root/running.ts'
import { systemClock } from '../../src/system/clock.ts'
import { createExec } from '../../src/system/exec.ts'
import { createMachineRoot } from '../../src/system/machine-root.ts'
import { imageServer } from '../unit/helpers/image-server.ts'
import { outputs } from '../unit/helpers/outputs.ts'
import { speediso } from '../unit/helpers/program.ts'
import { temporaryDir } from '../unit/helpers/temporary.ts'
import { decideAndDo } from './helpers/root-host.ts'
import { type Hostpart, IDS, rootHostparts } from './helpers/root-hostpart.ts'
import { RELEASE } from './helpers/root-image.ts'
import { EXT4 } from './helpers/write-log/record.ts'

const dir = temporaryDir()
const { make, imageFile } = rootHostparts(dir)
/** With the room that stays free after a delivery. */
const large = () => make(EXT4, 400 * 2 ** 20)
const root = (host: Hostpart, ...args: string[]) => speediso(['root', ...args, '--hostpart', host.dir])
const incoming = (host: Hostpart) => readdirSync(join(host.dir, '.speediso/incoming'))

test('stage a file, again another one, revert, and what the history tells of it', async () => {
  using host = large()
  host.put('hn-root.img', 'first')
  const staged = await root(host, 'stage', imageFile('next'))
  assert.is(staged.code, 0, staged.stderr)
  assert.match(staged.stdout, /^outcome: updated\ndone, in this order:\n/)
  assert.match(staged.stderr, /GRUB reads \/boot\/kernel byte for byte/)
  assert.match(staged.stderr, /nothing is rebooted here/)
  assert.equal(host.list(), { 'hn-root.img': 'next', 'hn-root-old.img': 'first' })
  assert.equal(incoming(host), [])
  const again = await root(host, 'stage', imageFile('twin'), '--json')
  assert.is(JSON.parse(again.stdout).outcome, 'updated')
  // The one that was never confirmed is not what is gone back to.
  assert.equal(host.list(), {
    'hn-root.img': 'twin',
    'hn-root-old.img': 'first',
    'hn-root-broken.img': 'next',
  })
  const reverted = await root(host, 'revert', '--json')
  assert.is(JSON.parse(reverted.stdout).outcome, 'reverted')
  assert.equal(host.list(), { 'hn-root.img': 'first', 'hn-root-broken.img': 'twin' })
  assert.is((await root(host, 'revert')).code, 1)
  const { stdout } = await root(host, 'history')
  const told = stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/^\S+ \S+ {2}/, ''))
  assert.match(told[0] ?? '', /^updated to 1\.next; it has 3 boots to be confirmed, the next is the first$/)
  assert.match(told[1] ?? '', /^updated to 1\.twin; /)
  assert.match(told[2] ?? '', /^reverted to the old image; it runs after a reboot \(version 1\.first\)$/)
  assert.is(told.length, 3, 'where nothing was done there is nothing to tell')
})

for (const [what, place] of [
  ['with a slash at its end', (at: string) => `${at}/`],
  ['relative', (at: string) => relative(process.cwd(), at)],
  ['with dots', (at: string) => `${at}/.`],
] as const) {
  test(`stage: a hostpart that is named ${what}`, async () => {
    using host = large()
    host.put('hn-root.img', 'first')
    const { code, stderr } = await speediso([
      'root',
      'stage',
      imageFile('next'),
      '--hostpart',
      place(host.dir),
    ])
    assert.is(code, 0, stderr)
    assert.equal(host.list(), { 'hn-root.img': 'next', 'hn-root-old.img': 'first' })
  })
}

test('without a boot loader that counts, none is said to count; one that is named has to be there', async () => {
  using host = large()
  host.put('hn-root.img', 'first')
  const staged = await root(host, 'stage', imageFile('next'))
  assert.not.match(staged.stdout, 'GRUB counts')
  const esp = join(dir, 'esp')
  mkdirSync(join(esp, 'grub'), { recursive: true })
  for (const [esps, told] of [
    [[esp], /only the initramfs counts the boots of a trial/g],
    [[join(dir, 'nowhere')], /there is no such folder or device/g],
    [['LABEL=NOWHERE'], /--esp LABEL=NOWHERE: there is no boot partition LABEL=NOWHERE; blkid lists/g],
  ] as const) {
    const reverted = await root(host, 'revert', '--esp', ...esps)
    assert.is(reverted.stderr.match(told)?.length, 1, reverted.stderr)
    assert.not.match(reverted.stdout, 'GRUB counts')
    assert.is(reverted.code, esps[0] === esp ? 0 : 2)
  }
  host.put('hn-root-new.img', 'twin')
  assert.not.match((await root(host, 'switch', '--plan', '--esp', esp)).stdout, 'GRUB counts')
  rmSync(join(host.dir, 'hn-root-new.img'))
  // As install-loader leaves them: a configuration, and two copies that count nothing.
  writeFileSync(join(esp, 'grub/speediso-a.cfg'), '')
  for (const n of [1, 2]) writeFileSync(join(esp, `grub/speediso-${n}.env`), formatTrialEnv({ seq: 1 }))
  const counted = await root(host, 'stage', imageFile('twin'), '--esp', esp)
  assert.match(counted.stdout, 'GRUB counts 3 boots')
  const { stdout } = await root(host, 'status', '--esp', esp)
  assert.match(stdout, `GRUB boots image ${IDS.twin} 3 times more before it goes back to the old one`)
})

test('the image that runs is known after its name went to a staged one', async () => {
  using host = large()
  host.put('hn-root.img', 'first')
  const key = (name: string) => keyOf(join(host.dir, name))
  const running = await key('hn-root.img')
  const made = spawnSync('losetup', ['--find', '--show', '--read-only', join(host.dir, 'hn-root.img')])
  const device = made.stdout.toString().trim().replace('/dev/', '')
  try {
    assert.is((await root(host, 'stage', imageFile('next'))).code, 0)
    const backing = readFileSync(`/sys/block/${device}/loop/backing_file`, 'utf8')
    assert.match(backing, /\(deleted\)$/m, 'control: its name is no help any more')
    const files = [await key('hn-root.img'), await key('hn-root-old.img')] as string[]
    const { signal } = new AbortController()
    assert.is(await fileOfLoop(device, files, createExec(), signal), running)
    assert.is(files[1], running)
  } finally {
    spawnSync('losetup', ['--detach', `/dev/${device}`])
  }
})

test('stage --plan: a file that does not fit is told beside what would speak for it', async () => {
  for (const [size, told] of [
    [400, /^would be written: at most \S+ kB, and hostpart has room for \S+ MB$/m],
    [200, /^would be written: at most .*: that may be too little$/m],
  ] as const) {
    using host = make(EXT4, size * 2 ** 20)
    host.put('hn-root.img', 'first')
    const { code, stdout, stderr } = await root(host, 'stage', imageFile('next'), '--plan')
    assert.is(code, 0, stderr)
    assert.match(stdout, /^it would be taken$/m)
    assert.match(stdout, told)
  }
})

test('what was remembered and cannot be read any more is told, once', async () => {
  using host = large()
  host.put('hn-root.img', 'first')
  assert.is((await root(host, 'stage', imageFile('next'))).code, 0)
  for (const n of [1, 2]) writeFileSync(join(host.dir, `.speediso/state-${n}`), 'x'.repeat(100))
  for (const args of [['status'], ['switch', '--plan'], ['stage', imageFile('twin')]] as const) {
    const { stderr } = await root(host, ...args)
    const told = stderr.match(/^warning: what was remembered of the images cannot be read any more/gm)
    assert.is(told?.length, 1, stderr)
  }
})

test('stage: what is the current image already is not brought again, and nothing changes', async () => {
  using host = large()
  host.put('hn-root.img', 'first')
  const source = join(dir, 'again.img')
  copyFileSync(imageFile('next'), source)
  const described = { image: IDS.next, version: '2', kernelRelease: RELEASE, created: '2026-11-20T10:00:00Z' }
  const manifest = await makeManifest(source, described, { signal: new AbortController().signal })
  writeFileSync(`${source}.json`, manifestBytes(manifest))
  assert.is((await root(host, 'stage', source)).code, 0)
  const before = [host.list(), readFileSync(join(host.dir, '.speediso/state-1'))]
  for (const how of [[], ['--plan'], ['--json']]) {
    const { code, stdout } = await root(host, 'stage', source, ...how)
    assert.is(code, 0)
    assert.match(stdout, 'it is the current image already: nothing was done')
    if (how[0] === '--json') assert.is(JSON.parse(stdout).outcome, 'unchanged')
    assert.equal([host.list(), readFileSync(join(host.dir, '.speediso/state-1'))], before)
    assert.equal(incoming(host), [])
  }
  // Control: another one is.
  assert.is((await root(host, 'stage', imageFile('twin'))).code, 0)
})

test('stage: a plan takes nothing and leaves nothing', async () => {
  using host = large()
  host.put('hn-root.img', 'first')
  const { code, stdout } = await root(host, 'stage', imageFile('next'), '--plan')
  assert.is(code, 0)
  assert.match(stdout, /it would be taken\n$/)
  assert.equal(host.list(), { 'hn-root.img': 'first' })
  assert.not(existsSync(join(host.dir, '.speediso')))
  // A link elsewhere is as good as its file, with what lies beside the link.
  const link = join(temporaryDir(), 'latest.img')
  symlinkSync(imageFile('next'), link)
  assert.is((await root(host, 'stage', link, '--plan')).code, 0)
  writeFileSync(`${link}.json`, '{}')
  const described = await root(host, 'stage', link, '--plan')
  assert.match(described.stdout, /^refused: its manifest is no speediso\.root-image\/1/)
  assert.not(existsSync(join(host.dir, '.speediso')))
})

test('stage: a plan of a URL says whether there is room', async () => {
  await using server = await imageServer({ '/next.img': readFileSync(imageFile('next')) })
  const planned = async (host: Hostpart) =>
    (await root(host, 'stage', `${server.url}/next.img`, '--plan')).stdout
  using roomy = large()
  assert.match(
    await planned(roomy),
    /would be written: at most 221\.\d kB, and hostpart has room for \S+ MB\n/,
  )
  // All that is free is to stay free.
  using small = make(EXT4, 200 * 2 ** 20)
  assert.match(await planned(small), /and hostpart has room for 0 B: that may be too little\n/)
})

test('stage: one that waits on hostpart is taken where it is, with its manifest, which is kept', async () => {
  using host = large()
  host.put('hn-root.img', 'first')
  host.put('hn-root-held.img', 'next')
  const described = {
    image: IDS.next,
    version: '1.next',
    kernelRelease: RELEASE,
    created: '2026-11-20T10:00:00Z',
  }
  const manifest = await makeManifest(imageFile('next'), described, { signal: new AbortController().signal })
  writeFileSync(join(host.dir, 'hn-root-held.img.json'), manifestBytes(manifest))
  // As a path that leads there by another name; /hostpart and /run/hostpart are the same too.
  const elsewhere = join(dir, 'elsewhere')
  symlinkSync(host.dir, elsewhere)
  const { code, stderr } = await root(host, 'stage', join(elsewhere, 'hn-root-held.img'))
  assert.is(code, 0, stderr)
  assert.equal(host.list(), { 'hn-root.img': 'next', 'hn-root-old.img': 'first' })
  assert.equal(readdirSync(join(host.dir, '.speediso/manifests')), [`${manifest.sha256}.json`])
})

test('stage: a manifest that somebody has left without an image is not taken for that of the next one', async () => {
  using host = large()
  host.put('hn-root.img', 'first')
  writeFileSync(join(host.dir, 'hn-root-new.img.json'), '{"schema": "of another image"}')
  const { code, stderr } = await root(host, 'stage', imageFile('next'))
  assert.is(code, 2, stderr)
  assert.match(
    stderr,
    /^speediso: hn-root-new\.img\.json is there already, without its image; bring its image, or remove [^\n]*\n$/,
  )
  // Whoever has brought it finds it again.
  assert.ok(existsSync(join(host.dir, 'hn-root-new.img.json')))
  host.put('hn-root-held.img', 'next')
  assert.is((await root(host, 'stage', join(host.dir, 'hn-root-held.img'))).code, 2)
  assert.equal(host.list(), {
    'hn-root.img': 'first',
    'hn-root-held.img': 'next',
    'hn-root-new.img.json': 'other',
  })
})

test('stage: a hostpart that is mounted read-only is told, in one line', async () => {
  using host = large()
  host.put('hn-root.img', 'first')
  host.remount('ro')
  const { code, stdout, stderr } = await root(host, 'stage', imageFile('next'))
  assert.equal([code, stdout], [1, ''], stderr)
  const line = /^speediso: hostpart is mounted read-only; hint: mount -o remount,rw [^\n]*\n$/
  assert.match(stderr, line)
  const json = await root(host, 'stage', imageFile('next'), '--json')
  assert.is(json.code, 1)
  assert.match(JSON.parse(json.stdout).reason, /^hostpart is mounted read-only/)
  // Control: the same file, once it can be written to.
  host.remount('rw')
  assert.is((await root(host, 'stage', imageFile('next'))).code, 0)
})

test('stage: as long as an image comes, others decide; a second one does not come, and what they did is looked at', async () => {
  for (const flag of [false, true]) {
    using host = large()
    host.put('hn-root.img', 'first')
    const begun = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    const server = createServer(async ({ url }, response) => {
      if (url !== '/a.img') return response.writeHead(404).end()
      const bytes = readFileSync(imageFile('next'))
      response.writeHead(200, { 'content-length': bytes.length, etag: '"a"' })
      response.write(bytes.subarray(0, 1000))
      begun.resolve()
      await goOn.promise
      return response.end(bytes.subarray(1000))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      const { port } = server.address() as AddressInfo
      const staging = root(host, 'stage', `http://127.0.0.1:${port}/a.img`)
      await begun.promise
      const switched = await root(host, 'switch')
      assert.is(switched.code, 0, switched.stderr)
      const second = await root(host, 'stage', imageFile('twin'))
      assert.is(second.code, 2)
      assert.match(second.stderr, /^speediso: speediso is at work already \(process \d+\); wait [^\n]*\n$/)
      if (flag) writeFileSync(join(host.dir, 'system-revert'), '')
      goOn.resolve()
      const { code, stderr } = await staging
      assert.is(code, flag ? 2 : 0, stderr)
      if (flag) assert.match(stderr, /system-revert is there: the next boot would revert/)
      assert.is(host.list()['hn-root.img'], flag ? 'first' : 'next')
      assert.is(host.list()['hn-root-new.img'], undefined)
    } finally {
      goOn.resolve()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  }
})

test('a flag that is a folder is consumed like any other', async () => {
  using host = large()
  host.put('hn-root.img', 'first')
  host.put('hn-root-old.img', 'twin')
  mkdirSync(join(host.dir, 'system-revert'))
  const { code, stderr } = await root(host, 'switch')
  assert.is(code, 0, stderr)
  assert.equal(host.list(), { 'hn-root.img': 'twin', 'hn-root-broken.img': 'first' })
})

test('what a switch leaves open: nothing, so that hostpart can be unmounted', async () => {
  using host = large()
  host.put('hn-root.img', 'first')
  host.put('hn-root-old.img', 'twin')
  writeFileSync(join(host.dir, 'system-revert'), '')
  await decideAndDo(host.dir, { folder: dir })
  const open = readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')]
    } catch {
      return []
    }
  })
  const id = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .find((line) => line.includes(` ${host.dir} `))
    ?.split(' ')[0]
  assert.ok(id)
  assert.equal(
    open.filter((info) => info.includes(`mnt_id:\t${id}\n`)),
    [],
  )
})

test('confirm --wait: health that does not come goes back, says why, and reboots', async () => {
  using host = large()
  host.put('hn-root.img', 'first')
  await root(host, 'stage', imageFile('next'))
  const machine = temporaryDir()
  for (const folder of ['proc', 'run/speediso', 'etc/speediso/health.d'])
    mkdirSync(join(machine, folder), { recursive: true })
  writeFileSync(join(machine, 'proc/cmdline'), 'ro')
  writeFileSync(join(machine, 'proc/uptime'), '899.50 0')
  const image = (await keyOf(join(host.dir, 'hn-root.img'))) ?? ''
  writeFileSync(
    join(machine, 'run/speediso/root.json'),
    JSON.stringify({
      ...{ schema: 'speediso.root-running/1', hostpart: host.dir, realRoot: '/hn-root.img', image },
      ...{ outcome: 'on trial', trial: { boot: 1, limit: 3, deadline: 900 } },
    }),
  )
  const check = join(machine, 'etc/speediso/health.d/50-storage')
  writeFileSync(check, '#!/bin/sh\necho no storage peers\nexit 1\n')
  chmodSync(check, 0o755)
  const ran: string[] = []
  const { out, stdout, stderr } = outputs()
  const real = createExec()
  const ctx = {
    ...{ stdout, stderr, clock: systemClock, root: createMachineRoot(machine) },
    signal: new AbortController().signal,
    exec: async (file: string, args: string[], options: object) => {
      if (file.startsWith(machine)) return real(file, args, options)
      ran.push([file, ...args].join(' '))
      return { stdout: '', stderr: '', exitCode: 0 }
    },
  } as unknown as CliContext
  const flags = { hostpart: undefined, esp: undefined, wait: true, force: false, json: false }
  assert.is(await runConfirm({ ...flags, wait: false }, ctx), 'failed')
  assert.match(out.stderr, /error: not confirmed: it stays on trial, and this is boot 0 of 3/)
  assert.not(ran.includes('systemctl reboot'))
  assert.is(await runConfirm(flags, ctx), 'failed')
  assert.is(ran.at(-1), 'systemctl reboot', ran.join('\n'))
  assert.match(out.stderr, /no storage peers/)
  assert.equal(host.list(), { 'hn-root.img': 'first', 'hn-root-broken.img': 'next' })
  const record = await readRecord(host.dir)
  assert.equal([record?.denied.length, record?.denied[0]?.version], [1, '1.next'])
  // The same image again is refused.
  const again = await root(host, 'stage', imageFile('next'))
  assert.is(again.code, 1)
  assert.match(again.stdout, /refused: this host has gone back from this same image/)
  const history = await root(host, 'history')
  const told = history.stdout.trimEnd().split('\n')
  assert.match(
    told.at(-2) ?? '',
    /back to the image of before, which never had to prove itself: .*no storage peers.* \(version 1\.first\)$/,
  )
  assert.match(told.at(-1) ?? '', /next\.img is refused: this host has gone back from this same image/)
})

test.run()
