import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { run as runConfirm } from '../../src/cli/root/confirm.ts'
import { run as runSwitch, type SwitchFlags } from '../../src/cli/root/switch.ts'
import { CommandError, InputError } from '../../src/errors.ts'
import { readRecord, writeRecord } from '../../src/root/record-file.ts'
import { FIRST_RECORD } from '../../src/root/standing.ts'
import { hostpartOnTrial, runningHost } from './helpers/running-host.ts'
import { temporaryDir } from './helpers/temporary.ts'

const RUNNING = 'run/speediso/root.json'

const flags = (hostpart: string, answer: string): SwitchFlags => ({
  ...{ hostpart, answer, esp: undefined },
  ...{ boot: true, plan: false, json: false },
})

test('a trial boot: its limit begins when the initramfs has decided, for the timers and for the confirmation', async () => {
  const { dir, current } = await hostpartOnTrial()
  // A check of hostpart has taken half an hour.
  const host = runningHost({ 'proc/uptime': '2000.25 1.00' })
  const answer = join(temporaryDir(), 'answer')
  assert.is(await runSwitch(flags(dir, answer), host.ctx), 'passed', host.out.stderr)
  assert.is(readFileSync(answer, 'utf8'), 'ACTION=mount\nIMAGE=hn-root.img\nTRIAL=1/3\nLIMIT=900\n')
  const running = JSON.parse(host.read(RUNNING))
  assert.equal([running.image, running.trial], [current, { boot: 1, limit: 3, deadline: 2900.25 }])
  assert.match(host.read('run/systemd/system/speediso-trial.timer'), /^OnBootSec=2931s$/m)
  // The system that it starts has all of its time left: health that fails once is asked again.
  const check = join(host.dir, 'etc/speediso/health.d/50-slow')
  writeFileSync(check, '', { mode: 0o755 })
  writeFileSync(join(host.dir, 'proc/uptime'), '2030.00 1.00')
  const { exec } = host.ctx
  let runs = 0
  const slow = (async (file: string, ...rest: unknown[]) => {
    if (file === check && ++runs < 2) throw new Error('not yet')
    return (exec as (...all: unknown[]) => unknown)(file, ...rest)
  }) as typeof exec
  const asked = { hostpart: undefined, esp: undefined, wait: true, force: false, json: false }
  assert.is(await runConfirm(asked, { ...host.ctx, exec: slow }), 'passed', host.out.stderr)
  assert.is(runs, 2)
  assert.is((await readRecord(dir))?.confirmed, current)
})

test('GRUB cannot be told of a trial: a candidate waits, and what boots goes on', async () => {
  const { dir } = await hostpartOnTrial()
  writeFileSync(join(dir, 'hn-root-new.img'), 'x')
  const answer = join(temporaryDir(), 'answer')
  // A folder has nothing to wait for.
  const lost = runningHost({ 'proc/cmdline': 'ro speediso.loader=UUID=1234-5678' })
  assert.is(await runSwitch({ ...flags(dir, answer), esp: temporaryDir() }, lost.ctx), 'passed')
  assert.match(
    lost.out.stderr,
    /hn-root-new\.img waits for the next boot: GRUB cannot be told of its trial \(the boot loader does not count/,
  )
  assert.ok(existsSync(join(dir, 'hn-root-new.img')))
  assert.match(readFileSync(answer, 'utf8'), 'IMAGE=hn-root.img\nTRIAL=1/3')
  // Nor is a boot partition that does not mount a reason for anything else to fail, or to ask a second time.
  const broken = runningHost({ 'proc/cmdline': 'ro speediso.loader=UUID=1234-5678' }, async (file) => {
    if (file === 'mount') throw new CommandError('mount ended with exit code 32: bad superblock')
    return { stdout: file === 'blkid' ? '/dev/sda1\n' : '', stderr: '', exitCode: 0 }
  })
  const withFlag = runningHost({ 'proc/cmdline': 'ro speediso.loader=UUID=1234-5678' })
  const flagged = await hostpartOnTrial()
  for (const name of ['hn-root-new.img', 'system-revert']) writeFileSync(join(flagged.dir, name), '')
  await runSwitch({ ...flags(flagged.dir, answer), esp: temporaryDir() }, withFlag.ctx)
  assert.ok(!existsSync(join(flagged.dir, 'system-revert')), 'reverted all the same')
  assert.not.match(withFlag.out.stderr, 'waits for the next boot')
  const settled = await hostpartOnTrial()
  await writeRecord(settled.dir, { ...FIRST_RECORD, seq: 9, confirmed: settled.current })
  writeFileSync(join(settled.dir, 'hn-root-new.img'), 'x')
  assert.is(await runSwitch(flags(settled.dir, answer), broken.ctx), 'passed')
  assert.match(broken.out.stderr, /waits for the next boot: .*bad superblock/)
  assert.match(readFileSync(answer, 'utf8'), 'ACTION=mount\nIMAGE=hn-root.img')
  // Where another GRUB boots, nobody expects it to count.
  const other = runningHost({})
  assert.is(await runSwitch({ ...flags(dir, answer), esp: temporaryDir() }, other.ctx), 'passed')
  assert.not.match(other.out.stderr, 'waits for the next boot')
  // Nor does it wait where there is nothing else.
  rmSync(join(dir, 'hn-root.img'))
  rmSync(join(dir, 'hn-root-old.img'))
  writeFileSync(join(dir, 'hn-root-new.img'), 'x')
  const empty = runningHost({ 'proc/cmdline': 'ro speediso.loader=UUID=1234-5678' })
  await runSwitch({ ...flags(dir, answer), esp: temporaryDir() }, empty.ctx)
  assert.not.match(empty.out.stderr, 'waits for the next boot')
  assert.match(empty.out.stderr, /refused|cannot be judged/)
})

test('nothing is told of a boot whose limits could not be set, or that could not be answered', async () => {
  const cases: [spoil: (host: string) => void, answer: string][] = [
    [(host) => writeFileSync(join(host, 'run/systemd'), 'in the way'), join(temporaryDir(), 'answer')],
    [() => {}, temporaryDir()],
  ]
  for (const [spoil, answer] of cases) {
    const { dir } = await hostpartOnTrial()
    const host = runningHost({ [RUNNING]: '{"of": "an attempt before"}' })
    spoil(host.dir)
    const error = await runSwitch(flags(dir, answer), host.ctx).catch((thrown: unknown) => thrown)
    assert.match(String((error as NodeJS.ErrnoException).code), /^(ENOTDIR|EEXIST|EISDIR)$/)
    assert.not(existsSync(join(host.dir, RUNNING)))
  }
})

test('a folder for the answer has to be there: none is made, and nothing is done', async () => {
  const { dir } = await hostpartOnTrial()
  const before = await readRecord(dir)
  const folder = temporaryDir()
  const host = runningHost({})
  for (const answer of [join(folder, 'x/y'), join(folder, 'x/../z/y'), join(dir, 'hn-root.img/y')]) {
    const error = await runSwitch(flags(dir, answer), host.ctx).catch((thrown: unknown) => thrown)
    assert.instance(error, InputError)
    assert.match((error as Error).message, /^--answer .*: there is no folder /)
    assert.not((error as Error).message.includes('\n'))
  }
  assert.equal([readdirSync(folder), await readRecord(dir)], [[], before])
  mkdirSync(join(folder, 'x'))
  assert.is(await runSwitch(flags(dir, join(folder, 'x/y')), host.ctx), 'passed')
  rmSync(folder, { recursive: true })
})

test.run()
