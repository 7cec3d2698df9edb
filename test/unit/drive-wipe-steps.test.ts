import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { StepContext } from '../../src/runtime/task.ts'
import { ERASE_PASSWORD } from '../../src/system/drive/ata/password.ts'
import type { Exec } from '../../src/system/exec.ts'
import { createMachineRoot, type MachineRoot } from '../../src/system/machine-root.ts'
import { readDiskId } from '../../tasks/wipe/identify.ts'
import { openRecord } from '../../tasks/wipe/journal.ts'
import type { DiskId } from '../../tasks/wipe/schema.ts'
import { reformat } from '../../tasks/wipe/steps/reformat.ts'
import { unfreeze } from '../../tasks/wipe/steps/unfreeze.ts'
import { unlock } from '../../tasks/wipe/steps/unlock.ts'
import { createFakeAta, type FakeAta } from './helpers/drive-ata.ts'
import { createFakeScsi } from './helpers/drive-scsi.ts'
import { context } from './helpers/tasks.ts'
import { temporaryDir } from './helpers/temporary.ts'

const top = temporaryDir()
let machines = 0

interface Machine {
  ctx: StepContext
  /** The disk as it is now, which is as it was planned. */
  disk: DiskId
  warnings: string[]
}

async function machineOf(exec: Exec, root: MachineRoot, more: Partial<StepContext> = {}): Promise<Machine> {
  const warnings: string[] = []
  const log = (level: string, message: string) => void (level === 'warning' && warnings.push(message))
  const stateDir = join(top, `state-${machines++}`)
  const voice = { log, progress() {}, reading() {} }
  const ctx = { ...context({ exec, root, stateDir, ...more }), voice }
  const disk = await readDiskId('sda', ctx)
  if (disk === undefined) throw new Error('no disk')
  return { ctx, disk, warnings }
}

function ataMachine(drive: FakeAta): Promise<Machine> {
  drive.root.put('/sys/block/sda/device/model', 'ACME')
  return machineOf(drive.world.deps.exec, drive.root)
}

const foreign = (password: string, locked: boolean) => {
  const drive = createFakeAta()
  drive.password = password
  drive.security.locked = locked
  return drive
}

test('unlock: ours comes off, locked or open', async () => {
  for (const locked of [true, false]) {
    const drive = foreign(ERASE_PASSWORD, locked)
    const { ctx, disk } = await ataMachine(drive)
    const outcome = await unlock({ disk }, ctx)
    assert.is(outcome.verdict, 'passed')
    assert.equal(outcome.evidence, { passwordOff: true })
    assert.is(drive.password, undefined)
    assert.is(drive.security.locked, false)
  }
})

test("unlock: somebody else's fails where it locks the drive, and is warned of where it is open", async () => {
  const locked = await ataMachine(foreign('other', true))
  const refused = await unlock({ disk: locked.disk }, locked.ctx)
  assert.is(refused.verdict, 'failed')
  assert.match(refused.reason ?? '', 'not ours')
  const open = await ataMachine(foreign('other', false))
  const outcome = await unlock({ disk: open.disk }, open.ctx)
  assert.is(outcome.verdict, 'passed')
  assert.equal(outcome.evidence, { passwordOff: false })
  assert.match(open.warnings.join(), 'locks the drive from the next power-on')
})

test('unlock: one that the journal knows as ours and that stays is no pass, though the drive is open', async () => {
  const drive = createFakeAta({ disableRefused: true })
  drive.password = ERASE_PASSWORD
  const { ctx, disk } = await ataMachine(drive)
  const record = await openRecord(ctx.stateDir, disk)
  record.data.passwordSet = true
  await record.save()
  const outcome = await unlock({ disk }, ctx)
  assert.is(outcome.verdict, 'failed')
  assert.match(outcome.reason ?? '', 'does not come off')
})

test('unfreeze: one suspend, and passed with the drives that stay frozen', async () => {
  const thawing = createFakeAta({ thaws: true })
  thawing.security.frozen = true
  thawing.sanitize.state = 'frozen'
  const freed = await ataMachine(thawing)
  const outcome = await unfreeze({ disks: [freed.disk] }, freed.ctx)
  assert.is(outcome.verdict, 'passed')
  assert.equal(outcome.evidence.stillFrozen, [])
  assert.is(thawing.suspends, 1)
  assert.is(thawing.security.frozen, false)
  assert.equal(freed.warnings.length, 1)
})

test('unfreeze: a suspend that does not work fails nobody', async () => {
  const drive = createFakeAta()
  drive.security.frozen = true
  const { exec } = drive.world.deps
  const noSuspend: Exec = async (file, args, options) =>
    exec(file === 'rtcwake' ? 'no-such-program' : file, args, options)
  const { disk } = await ataMachine(drive)
  const { ctx, warnings } = await machineOf(noSuspend, drive.root)
  const outcome = await unfreeze({ disks: [disk] }, ctx)
  assert.is(outcome.verdict, 'passed')
  assert.equal(outcome.evidence.stillFrozen, ['/dev/sda'])
  assert.match(warnings.join(), '/dev/sda: still frozen: suspend to RAM did not work')
})

test('unfreeze: nothing is frozen any more, so nothing is suspended', async () => {
  const drive = createFakeAta({ thaws: true })
  const { ctx, disk } = await ataMachine(drive)
  const outcome = await unfreeze({ disks: [disk] }, ctx)
  assert.equal(outcome, { verdict: 'passed', evidence: { suspended: false, stillFrozen: [] } })
  assert.is(drive.suspends, 0)
})

/** A drive of odd sectors, and a kernel that has no size of it until it is told to look. */
async function oddDrive(from: number, { sees = true, after = from > 4096 ? 4096 : 512 } = {}) {
  const dir = join(top, `scsi-${machines}`)
  const place = 'devices/pci0000:00/0000:00:17.0/host0/target0:0:0/0:0:0:0/block/sda'
  mkdirSync(join(dir, 'sys', place, 'device'), { recursive: true })
  mkdirSync(join(dir, 'sys', place, 'queue'), { recursive: true })
  mkdirSync(join(dir, 'sys/block'), { recursive: true })
  symlinkSync(join('..', place), join(dir, 'sys/block/sda'))
  const file = (name: string) => join(dir, 'sys/block/sda', name)
  // What sd has for sectors that it cannot use (sd.c, read_capacity: capacity 0, sectors of 512).
  writeFileSync(file('size'), '0\n')
  writeFileSync(file('queue/logical_block_size'), '512\n')
  writeFileSync(file('device/rescan'), '')
  const drive = createFakeScsi({ takes: 0 }, from)
  const { exec } = drive.world.deps
  const root = createMachineRoot(dir)
  const looking: MachineRoot = {
    ...root,
    async readText(path) {
      if (sees && path.endsWith('/size') && readFileSync(file('device/rescan'), 'utf8') === '1') {
        writeFileSync(file('size'), '2000\n')
        writeFileSync(file('queue/logical_block_size'), `${after}\n`)
      }
      return root.readText(path)
    },
  }
  const machine = await machineOf(exec, looking)
  const { capabilities } = drive
  const run = (ctx = machine.ctx) =>
    reformat({ disk: machine.disk, capabilities, fromBytes: from, attach: false, stall: 60_000 }, ctx)
  return { ...machine, run, rescan: () => readFileSync(file('device/rescan'), 'utf8') }
}

test('reformat: the kernel is made to look, and its size and sectors are kept', async () => {
  for (const [from, to] of [
    [520, 512],
    [4160, 4096],
  ] as const) {
    const { run, ctx, disk, rescan } = await oddDrive(from)
    assert.is(disk.sizeBytes, 0)
    const outcome = await run()
    assert.is(outcome.verdict, 'passed', outcome.reason)
    assert.is(rescan(), '1')
    const { data } = await openRecord(ctx.stateDir, disk)
    assert.equal(data.current, { sizeBytes: 1_024_000, sectorBytes: to })
  }
})

test('reformat: a kernel that sees no size, or sectors that are odd still', async () => {
  const blind = await oddDrive(520, { sees: false })
  // Its signal ends the wait.
  const end = new AbortController()
  setTimeout(() => end.abort(), 1500)
  const outcome = await blind.run({ ...blind.ctx, signal: end.signal })
  assert.is(outcome.verdict, 'failed')
  assert.match(outcome.reason ?? '', 'the kernel does not see its size')
  assert.is(blind.rescan(), '1')
  const odd = await oddDrive(520, { after: 520 })
  const kept = await odd.run()
  assert.is(kept.verdict, 'failed')
  assert.match(kept.reason ?? '', 'its sectors have 520 bytes')
})

test.run()
