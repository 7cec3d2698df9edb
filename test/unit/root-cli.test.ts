import { createHash } from 'node:crypto'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { run as runConfirm } from '../../src/cli/root/confirm.ts'
import { run as runStatus } from '../../src/cli/root/status.ts'
import { exitCode } from '../../src/exit.ts'
import { addHistory } from '../../src/root/history.ts'
import { keyOf } from '../../src/root/observe/files.ts'
import type { StateRecord } from '../../src/root/record.ts'
import { readRecord, writeRecord } from '../../src/root/record-file.ts'
import { FIRST_RECORD } from '../../src/root/standing.ts'
import type { Exec } from '../../src/system/exec.ts'
import { speediso } from './helpers/program.ts'
import { runningHost } from './helpers/running-host.ts'
import { temporaryDir } from './helpers/temporary.ts'

/** Of a folder of speediso's own only what is in it. */
const listing_ = (dir: string, path: string): string[] =>
  lstatSync(join(dir, path)).isDirectory() ? listing(dir, path) : []

/** A folder with such files, each of another content. */
function hostpart(...files: string[]): string {
  const dir = temporaryDir()
  for (const file of files) writeFileSync(join(dir, file), file)
  return dir
}

/** Every file below a folder with its mode, times and content; but for what keeps two commands from each other. */
function listing(dir: string, below = ''): string[] {
  return readdirSync(join(dir, below))
    .sort()
    .flatMap((name) => {
      const path = join(below, name)
      if (['.speediso', '.speediso/lock', '.speediso/stage.lock', '.speediso/incoming'].includes(path))
        return listing_(dir, path)
      const { mode, size, mtimeMs, ctimeMs, ino } = lstatSync(join(dir, path))
      const line = [path, mode, mtimeMs, ctimeMs, ino].join(' ')
      if (lstatSync(join(dir, path)).isDirectory()) return [line, ...listing(dir, path)]
      const sum = createHash('sha256')
        .update(readFileSync(join(dir, path)))
        .digest('hex')
      return [`${line} ${size} ${sum}`]
    })
}

const images = ['hn-root.img', 'hn-root-old.img']
const withOld = hostpart(...images)
const withFlag = hostpart(...images, 'system-revert')
const withNew = hostpart(...images, 'hn-root-new.img')
const source = join(hostpart('image.img'), 'image.img')
const linked = hostpart('other.img')
symlinkSync('other.img', join(linked, 'hn-root.img'))

const described = join(hostpart('image.img'), 'image.img')
symlinkSync('/nowhere/x.json', `${described}.json`)
const besideFolder = join(hostpart('image.img'), 'image.img')
mkdirSync(`${besideFolder}.json`)

const bad: [args: string[], line: RegExp][] = [
  [['root', 'frobnicate'], /^speediso: "root frobnicate" is no command; it can be status, stage, /],
  [['root', 'stagee'], /^speediso: "root stagee" is no command; did you mean root stage\?$/],
  [
    ['root', 'status', '--hostpart', '/nonexistent'],
    /^speediso: --hostpart \/nonexistent: is no folder; name the folder /,
  ],
  [['root', 'status', '--hostpart', source], /^speediso: --hostpart .*: is no folder; /],
  [
    ['root', 'status', '--hostprt', withOld],
    /^speediso: --hostprt is no option of this command; did you mean --hostpart\?$/,
  ],
  [['root', 'status', 'x'], /^speediso: "x" is too much: /],
  [
    ['root', 'stage', '--hostpart', withOld],
    /^speediso: no image is named; speediso root stage FILE, or an http\(s\) URL$/,
  ],
  [
    ['root', 'stage', '/nonexistent/x.img', '--hostpart', withOld],
    /^speediso: \/nonexistent\/x\.img: .*no such file/,
  ],
  [
    ['root', 'stage', source, '--hostpart', withFlag],
    /^speediso: system-revert is there: .*; reboot first, or remove /,
  ],
  [
    ['root', 'stage', source, '--hostpart', withNew],
    /^speediso: hn-root-new\.img is there already; stage that one /,
  ],
  [
    ['root', 'stage', source, '--hostpart', linked],
    /^speediso: hn-root\.img is a symbolic link, so nothing is changed; put the file itself there$/,
  ],
  [['root', 'stage', linked, '--hostpart', withOld], /^speediso: .*: is no file; name the file of an image$/],
  [['root', 'stage', '', '--hostpart', withOld], /^speediso: no image is named; /],
  [
    ['root', 'stage', described, '--hostpart', withOld],
    /^speediso: .*image\.img\.json: is a link that leads nowhere; remove it, or mend it$/,
  ],
  [
    ['root', 'stage', described, '--hostpart', withOld, '--plan'],
    /^speediso: .*image\.img\.json: is a link that leads nowhere/,
  ],
  [
    ['root', 'stage', '--plan', besideFolder, '--hostpart', withOld],
    /^speediso: .*image\.img\.json: is no file/,
  ],
  [
    ['root', 'revert', '--hostpart', withOld, '--esp', 'LABEL=NO-SUCH'],
    /^speediso: --esp LABEL=NO-SUCH: there is no boot partition LABEL=NO-SUCH; blkid lists what there is$/,
  ],
  [
    ['root', 'seal', '--manifest', source],
    /^speediso: no image is named; .*speediso root seal .*image\.img --manifest$/,
  ],
  [
    ['root', 'confirm'],
    /^speediso: no hostpart is mounted here; it would be at \/run\/hostpart or \/hostpart$/,
  ],
  [
    ['root', 'confirm', '--hostpart', withOld],
    /^speediso: --hostpart: a confirmation speaks of the image that runs/,
  ],
  [['root', 'confirm', '--wait', '--force'], /^speediso: --wait and --force do not go together$/],
  [['root', 'switch'], /^speediso: --hostpart DIR is missing; the initramfs runs it/],
  [
    ['root', 'switch', '--boot', '--plan', '--hostpart', withOld],
    /^speediso: --boot and --plan do not go together$/,
  ],
  [
    ['root', 'revert', '--plan=yes', '--hostpart', withOld],
    /^speediso: --plan=yes: this option takes no value; /,
  ],
]
for (const [args, line] of bad) {
  test(`bad input: speediso ${args.map((arg) => arg.replace(/^.*speediso-test-[^/]*/, 'DIR')).join(' ')}`, async () => {
    const before = [withOld, withFlag, withNew].map((dir) => listing(dir))
    const { code, stdout, stderr } = await speediso(args)
    assert.is(code, 2, stderr)
    assert.is(stdout, '')
    assert.is(stderr.trimEnd().split('\n').length, 1, stderr)
    assert.match(stderr.trimEnd(), line)
    assert.equal(
      [withOld, withFlag, withNew].map((dir) => listing(dir)),
      before,
    )
  })
}

const plans: [args: string[], dir: string, code: number, stdout: RegExp][] = [
  [['switch', '--plan'], withOld, 0, /^outcome: unchanged\nwould be done/],
  [
    ['switch', '--plan'],
    withFlag,
    0,
    /^outcome: reverted\nwould be done, in this order:\n(?: .*\n)* {2}hn-root-old\.img becomes hn-root\.img/,
  ],
  [['revert', '--plan'], withOld, 0, /^outcome: reverted\nwould be done/],
  [['revert', '--plan'], withNew, 0, /hn-root-new\.img becomes hn-root-held\.img/],
  [['revert', '--plan'], hostpart('hn-root.img'), 1, /^outcome: nothing to revert to\n/],
  [['switch', '--plan'], hostpart(), 1, /^outcome: nothing to boot\n/],
  [['status'], withOld, 0, /^hostpart: /],
  [['history'], withOld, 0, /^nothing has happened yet\n$/],
]
for (const [args, dir, want, told] of plans) {
  test(`changes nothing: speediso root ${args.join(' ')}, with ${readdirSync(dir).join()}`, async () => {
    const before = listing(dir)
    const { code, stdout, stderr } = await speediso(['root', ...args, '--hostpart', dir])
    assert.is(code, want, stderr)
    assert.match(stdout, told)
    assert.equal(listing(dir), before)
    // A plan claims nothing.
    assert.not.match(stderr, /^(updated|reverted) /m)
    const json = await speediso(['root', ...args, '--json', '--hostpart', dir])
    assert.is(json.code, want)
    assert.type(JSON.parse(json.stdout), 'object')
    assert.equal(listing(dir), before)
  })
}

test('a plan of stage changes nothing either, whatever comes of it', async () => {
  const before = listing(withOld)
  const { code, stdout } = await speediso(['root', 'stage', source, '--plan', '--hostpart', withOld])
  assert.is(code, 1)
  assert.match(stdout, /^refused: /)
  assert.equal(listing(withOld), before)
})

test('status: what the next boot will make of what lies there', async () => {
  const cases: [names: string[], told: RegExp][] = [
    [
      ['hn-root.img', 'hn-root-new.img'],
      /^hn-root-new.img is there: the next boot proves it, and takes it or sets/m,
    ],
    [['hn-root.img', 'system-revert'], /finds no other image to go back to, and removes the request$/m],
    [
      [...images, 'hn-root-new.img', 'system-revert'],
      /goes back to hn-root-old.img; hn-root-new.img is kept as hn-ro/,
    ],
    [['hn-root-old.img', 'system-revert'], /takes hn-root-old.img, as there is no hn-root.img$/m],
    [
      ['hn-root-new.img', 'system-revert'],
      /finds no image; without the request it would look at hn-root-new.img$/m,
    ],
    [['system-revert'], /finds no image$/m],
  ]
  for (const [names, told] of cases)
    assert.match((await speediso(['root', 'status', '--hostpart', hostpart(...names)])).stdout, told)
  const odd = hostpart('hn-root.img')
  mkdirSync(join(odd, 'hn-root-new.img'))
  symlinkSync('hn-root.img', join(odd, 'hn-root-rejected.img'))
  writeFileSync(join(odd, 'hn-root-rejected.txt'), 'it is short\nmore\n')
  const { stdout } = await speediso(['root', 'status', '--hostpart', odd])
  assert.match(stdout, /^ {2}hn-root-new.img +is a folder and no image$/m)
  assert.match(stdout, /^ {2}hn-root-rejected.img +is a symbolic link and no image$/m)
  assert.match(stdout, /^hn-root-new.img is a folder: the next boot sets it aside as hn-root-rejected.img$/m)
  assert.match(stdout, /^hn-root-rejected.img was refused: it is short$/m)
})

test('status: which images there are, what stands against them, and that a revert is asked for', async () => {
  const dir = hostpart(...images, 'hn-root-held.img', 'system-revert')
  const [current, old] = await Promise.all(images.map((name) => keyOf(join(dir, name))))
  const record: StateRecord = {
    ...{ ...FIRST_RECORD, confirmed: old ?? '', trial: { image: current ?? '', boots: 1, limit: 3 } },
    images: { [current ?? '']: { id: 'a', version: '2.0', kernelRelease: '6.12.1' } },
    denied: [{ digest: 'd', version: '1.9', reason: 'no storage', time: '2026-11-20T10:00:00Z' }],
  }
  await writeRecord(dir, record)
  const { code, stdout } = await speediso(['root', 'status', '--hostpart', dir])
  assert.is(code, 0)
  const lines = stdout.trimEnd().split('\n')
  assert.equal(lines, [
    `hostpart: ${dir}`,
    '  hn-root.img       11 B  2.0, kernel 6.12.1',
    '  hn-root-old.img   15 B  version unknown, the one to go back to',
    '  hn-root-held.img  16 B  version unknown',
    'current image: on trial, 1 of 3 boots begun',
    'system-revert is there: the next boot goes back to hn-root-old.img',
    'never again: 1.9, no storage (2026-11-20T10:00:00Z)',
  ])
  const json = JSON.parse((await speediso(['root', 'status', '--json', '--hostpart', dir])).stdout)
  assert.equal(json.standing, { is: 'on trial', boots: 1, limit: 3 })
  assert.equal(json.revertAsked, true)
  assert.equal(
    json.images.map(({ role, kept }: { role: string; kept: boolean }) => [role, kept]),
    [
      ['current', false],
      ['old', true],
      ['held', false],
    ],
  )
})

test('status: confirmed is only what has ended a trial well', async () => {
  const dir = hostpart('hn-root.img')
  const current = await keyOf(join(dir, 'hn-root.img'))
  const shown = async (seq: number, facts: { confirmedAt?: string }) => {
    const images = { [current ?? '']: { id: 'a', version: '2.0', ...facts } }
    await writeRecord(dir, { ...FIRST_RECORD, seq, confirmed: current ?? '', images })
    return (await speediso(['root', 'status', '--hostpart', dir])).stdout.trimEnd().split('\n').slice(1)
  }
  assert.equal(await shown(1, {}), [
    '  hn-root.img  11 B  2.0',
    'current image: taken as it is; nobody remembers a confirmation',
  ])
  assert.equal(await shown(2, { confirmedAt: '2026-11-20T10:00:00Z' }), [
    '  hn-root.img  11 B  2.0, confirmed 2026-11-20T10:00:00Z',
    'current image: confirmed',
  ])
})

test('history: oldest first, without a line that a power cut has torn, and nothing of a terminal gets out', async () => {
  const dir = hostpart()
  const entry = (time: string, outcome: string) => ({
    time,
    outcome,
    occasion: 'boot',
    messages: ['one', 'two'],
  })
  await addHistory(dir, { ...entry('2026-11-20T10:00:00.123Z', 'updated'), version: '2.0' })
  writeFileSync(join(dir, '.speediso/history.ndjson'), '{"time": "2026', { flag: 'a' })
  await addHistory(dir, { ...entry('2026-11-21T10:00:00.000Z', 'went back'), messages: ['\u001b[31mred'] })
  const { code, stdout } = await speediso(['root', 'history', '--hostpart', dir])
  assert.is(code, 0)
  assert.match(
    stdout,
    /^2026-11-20 10:00:00Z {2}one; two \(version 2\.0\)\n2026-11-21 10:00:00Z {2}\S*red\n$/,
  )
  assert.not.ok(stdout.includes('\u001b'))
  const json = JSON.parse((await speediso(['root', 'history', '--json', '--hostpart', dir])).stdout)
  assert.is(json.length, 2)
})

/** A running host whose root is this image of a hostpart; what is run is noted. */
async function hostOf(dir: string, image: string | undefined, exec?: Exec) {
  const running = {
    ...{ schema: 'speediso.root-running/1', hostpart: dir, realRoot: '/hn-root.img', outcome: 'on trial' },
    image: image === undefined ? '1-1' : ((await keyOf(join(dir, image))) ?? ''),
    trial: { boot: 1, limit: 3, deadline: 900 },
  }
  return runningHost({ 'run/speediso/root.json': JSON.stringify(running) }, exec)
}

async function onTrial(): Promise<string> {
  const dir = hostpart(...images)
  const [current = '', old = ''] = await Promise.all(images.map((name) => keyOf(join(dir, name))))
  await writeRecord(dir, { ...FIRST_RECORD, confirmed: old, trial: { image: current, boots: 1, limit: 3 } })
  return dir
}

const asked = { hostpart: undefined, esp: undefined, wait: false, force: false, json: false }

test('confirm: an image whose health checks pass is confirmed, and its limits are lifted', async () => {
  const dir = await onTrial()
  const { ctx, out, ran, dir: machine } = await hostOf(dir, 'hn-root.img')
  const check = join(machine, 'etc/speediso/health.d/50-well')
  writeFileSync(check, '#!/bin/sh\necho all is well\n')
  chmodSync(check, 0o755)
  assert.is(await runConfirm(asked, ctx), 'passed', out.stderr)
  const record = await readRecord(dir)
  assert.equal([record?.confirmed, record?.trial], [await keyOf(join(dir, 'hn-root.img')), undefined])
  assert.ok(ran.some((line) => line.startsWith('systemctl stop speediso-trial.timer')))
  assert.not(ran.some((line) => line.includes('reboot')))
})

test('confirm: without --wait an image that is not healthy stays on trial, and nothing reboots', async () => {
  const dir = await onTrial()
  const before = listing(dir)
  const { ctx, out, ran } = await hostOf(dir, 'hn-root.img', async (_file, args) => {
    const down = args.includes('is-active')
    return { stdout: down ? 'inactive' : '', stderr: '', exitCode: down ? 3 : 0 }
  })
  assert.is(await runConfirm(asked, ctx), 'failed')
  assert.match(out.stderr, /boot-complete\.target: failed, is inactive/)
  assert.equal(listing(dir), before)
  assert.not(ran.some((line) => /reboot|stop/.test(line)))
})

test('confirm: while the old image runs nothing is said of the new one', async () => {
  const dir = await onTrial()
  const before = listing(dir)
  const { ctx, out } = await hostOf(dir, 'hn-root-old.img')
  assert.is(await runConfirm({ ...asked, force: true }, ctx), 'unknown')
  assert.match(out.stderr, /the image that runs is the old one/)
  assert.equal(listing(dir), before)
})

test('confirm: where there is no current image there is nothing to confirm', async () => {
  const dir = hostpart()
  const { ctx } = await hostOf(dir, undefined)
  const end = await runConfirm({ ...asked, force: true }, ctx).then(
    (outcome) => exitCode({ outcome }),
    (error: unknown) => exitCode({ error }),
  )
  assert.is.not(end, 0)
})

test('status: which image runs', async () => {
  const dir = await onTrial()
  const { ctx, out } = await hostOf(dir, 'hn-root-old.img')
  await runStatus({ hostpart: undefined, esp: undefined, json: true }, ctx)
  const { images: found } = JSON.parse(out.stdout)
  assert.equal(
    found.map(({ role, runs }: { role: string; runs: boolean }) => [role, runs]),
    [
      ['current', false],
      ['old', true],
    ],
  )
})

test('a link as a hostpart is as good as the folder', async () => {
  const link = join(temporaryDir(), 'link')
  symlinkSync(withOld, link)
  const { code, stdout } = await speediso(['root', 'status', '--hostpart', link])
  assert.is(code, 0)
  assert.match(stdout, /hn-root-old\.img/)
})

test.run()
