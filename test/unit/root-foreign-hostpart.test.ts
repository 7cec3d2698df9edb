import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CliContext } from '../../src/cli/context.ts'
import { openSession } from '../../src/cli/root/session.ts'
import { run as runSwitch } from '../../src/cli/root/switch.ts'
import { keyOf } from '../../src/root/observe/files.ts'
import { writeRecord } from '../../src/root/record-file.ts'
import { FIRST_RECORD } from '../../src/root/standing.ts'
import { systemClock } from '../../src/system/clock.ts'
import { createMachineRoot } from '../../src/system/machine-root.ts'
import { outputs } from './helpers/outputs.ts'
import { temporaryDir } from './helpers/temporary.ts'

/** A hostpart in the last boot of a trial: what GRUB says decides what becomes of it. */
async function hostpart(name = 'hn-root'): Promise<string> {
  const dir = temporaryDir()
  for (const file of [`${name}.img`, `${name}-old.img`]) writeFileSync(join(dir, file), file)
  const [current = '', old = ''] = await Promise.all(
    [`${name}.img`, `${name}-old.img`].map((file) => keyOf(join(dir, file))),
  )
  await writeRecord(dir, {
    ...{ ...FIRST_RECORD, confirmed: old, trial: { image: current, boots: 1, limit: 3 } },
    images: { [current]: { id: 'current' }, [old]: { id: 'old' } },
  })
  return dir
}

/** A host that GRUB has started with its old image, as the trial of the current one is used up. */
const LINE =
  'speediso.booted=old speediso.image=old speediso.fallback=tries speediso.root.tries=9 speediso.root.deadline=x'

function host(commandLine: string, running: string | undefined) {
  const machine = temporaryDir()
  const { out, stdout, stderr } = outputs()
  mkdirSync(join(machine, 'proc'))
  mkdirSync(join(machine, 'run/speediso'), { recursive: true })
  writeFileSync(join(machine, 'proc/cmdline'), commandLine)
  if (running !== undefined)
    writeFileSync(
      join(machine, 'run/speediso/root.json'),
      JSON.stringify({
        ...{ schema: 'speediso.root-running/1', hostpart: running, realRoot: '/hn-root.img' },
        ...{ image: '1-1', outcome: 'unchanged' },
      }),
    )
  const ctx = {
    ...{ stdout, stderr, clock: systemClock },
    ...{ root: createMachineRoot(machine), signal: new AbortController().signal },
    exec: async (file: string) => {
      if (file === 'blkid') return { stdout: '' }
      throw new Error(`${file} is not to be had`)
    },
  } as unknown as CliContext
  return { ctx, out, machine }
}

async function planned(dir: string, { ctx, out }: ReturnType<typeof host>) {
  const flags = { hostpart: dir, esp: undefined, boot: false, answer: undefined, plan: true, json: true }
  await runSwitch(flags, ctx)
  return { ...JSON.parse(out.stdout), said: out.stderr }
}

test('a mere folder: what the kernel of this host was told says nothing of it', async () => {
  const [own, other] = [await hostpart(), await hostpart()]
  const { outcome, boot, said } = await planned(other, host(LINE, own))
  assert.equal([outcome, boot.role, boot.how], ['on trial', 'current', 'mount'])
  // Not even what is wrong with it.
  assert.is(said, '')
  // Also where this host was booted from no hostpart at all.
  assert.is((await planned(other, host(LINE, undefined))).outcome, 'on trial')
})

test('the hostpart that this host was booted from, however it is named: what its kernel was told counts', async () => {
  const own = await hostpart()
  const link = join(temporaryDir(), 'link')
  symlinkSync(own, link)
  for (const name of [own, `${own}/.`, link]) {
    const { outcome, boot, said } = await planned(name, host(LINE, own))
    assert.equal([outcome, boot.role], ['went back', 'current'], name)
    assert.match(said, 'speediso.root.deadline=x: it has to be')
  }
})

test('a folder of that same filesystem is another one', async () => {
  const own = await hostpart()
  const { ctx } = host(LINE, own)
  mkdirSync(join(own, 'data'))
  const session = await openSession({ hostpart: join(own, 'data'), esp: undefined }, ctx)
  assert.equal([session.own, session.words.booted, session.image], [false, 'current', undefined])
})

test('in the initramfs it always counts', async () => {
  const own = await hostpart()
  const { ctx } = host(LINE, undefined)
  const session = await openSession({ hostpart: own, esp: undefined }, ctx, 'boot')
  assert.equal([session.own, session.words.booted, session.words.limit], [true, 'old', 9])
})

test('another name of the images is that of this host, too', async () => {
  const own = await hostpart()
  const other = await hostpart()
  const line = `${LINE} real_root=/other.img`
  const names = async (dir: string, running: string | undefined, boot: boolean) =>
    (await openSession({ hostpart: dir, esp: undefined }, host(line, running).ctx, boot ? 'boot' : 'any'))
      .names.current
  assert.is(await names(other, own, false), 'hn-root.img')
  assert.is(await names(own, undefined, true), 'other.img')
})

test('one lock for one hostpart, and it never reboots where a folder was named', async () => {
  const own = await hostpart()
  const { ctx, machine } = host(LINE, own)
  const named = await openSession({ hostpart: own, esp: undefined }, ctx)
  assert.equal([named.own, named.reboots, named.image], [true, false, '1-1'])
  await named.lock()
  assert.ok(readdirSync(join(machine, 'run/speediso')).includes('root.lock'))
  const bare = await openSession({ hostpart: undefined, esp: undefined }, ctx)
  assert.equal([bare.own, bare.reboots, bare.hostpart], [true, true, own])
  const other = await openSession({ hostpart: await hostpart(), esp: undefined }, ctx)
  assert.equal([other.own, other.reboots], [false, false])
  await other.lock()
  assert.ok(readdirSync(join(other.hostpart, '.speediso')).includes('lock'))
})

test.run()
