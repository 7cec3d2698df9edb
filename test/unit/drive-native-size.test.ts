import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { restoreNativeSize } from '../../src/system/drive/native-size.ts'
import { createMachineRoot } from '../../src/system/machine-root.ts'
import { printIdentify } from './helpers/drive-ata.ts'
import { type Answer, createFakeExec, createWorld } from './helpers/drive-world.ts'
import { temporaryDir } from './helpers/temporary.ts'

const DISK = { name: 'sda', path: '/dev/sda' }
const FULL = 1_000_215_216

interface Behaviour {
  current: number
  native: number
  /** Undefined: no overlay. */
  overlay?: number
  amac?: boolean
  /** The drive refuses, or ends with 0 and does nothing. */
  setMax?: 'refused' | 'ignored'
  restore?: 'refused' | 'ignored'
  /** What makes the kernel see a new size. */
  kernelSees: 'rescan' | 'features' | 'never'
  place?: string
}

const top = temporaryDir()
let drives = 0

/** A drive with a protected area and an overlay, and a kernel that is told of its size; the sysfs files are real ones. */
function createDrive(behaviour: Behaviour) {
  const dir = join(top, String(drives++))
  const { place = 'devices/pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0/block/sda' } = behaviour
  mkdirSync(join(dir, 'sys', place, 'device'), { recursive: true })
  mkdirSync(join(dir, 'sys/block'), { recursive: true })
  symlinkSync(join('..', place), join(dir, 'sys/block/sda'))
  const sizeFile = join(dir, 'sys/block/sda/size')
  const rescanFile = join(dir, 'sys/block/sda/device/rescan')
  writeFileSync(sizeFile, String(behaviour.current))
  writeFileSync(rescanFile, '')
  const drive = { ...behaviour, ran: [] as string[], rescans: () => readFileSync(rescanFile, 'utf8') }
  const exec = createFakeExec((line) => {
    drive.ran.push(line)
    return answer(line)
  })
  const world = createWorld(exec, createMachineRoot(dir))
  const { sleep } = world.deps
  world.deps.sleep = async (ms, signal) => {
    if (behaviour.kernelSees === 'rescan' && drive.rescans() === '1')
      writeFileSync(sizeFile, String(drive.current))
    return sleep(ms, signal)
  }
  return Object.assign(drive, { world })

  function answer(line: string): Answer | undefined {
    if (line === 'hdparm --Istdout /dev/sda') return { stdout: identify() }
    if (line === 'hdparm -N /dev/sda') {
      const words = drive.amac === true ? 'ACCESSIBLE MAX ADDRESS' : 'HPA is'
      const state = drive.current < drive.native ? 'enabled' : 'disabled'
      return { stdout: `\n/dev/sda:\n max sectors   = ${drive.current}/${drive.native}, ${words} ${state}\n` }
    }
    if (line === 'hdparm --dco-identify /dev/sda') {
      return { stdout: `DCO Checksum verified.\n\tReal max sectors: ${drive.overlay}\n` }
    }
    const wanted = Number(/ -Np(\d+) /.exec(line)?.[1] ?? 0)
    if (wanted > 0) return setMax(wanted)
    if (line.includes('--dco-restore')) return restore()
    if (line === 'hdparm -A1 /dev/sda') {
      if (behaviour.kernelSees === 'features') writeFileSync(sizeFile, String(drive.current))
      return {}
    }
    return undefined
  }

  function setMax(wanted: number): Answer {
    if (drive.setMax === 'refused') {
      return { exitCode: 5, stderr: ' SET_MAX_ADDRESS(_EXT) failed: Input/output error\n' }
    }
    if (drive.setMax !== 'ignored' && wanted <= drive.native) drive.current = wanted
    return {}
  }

  function restore(): Answer {
    // ACS-2: refused while a protected area is set.
    if (drive.restore === 'refused' || drive.current < drive.native) {
      return { exitCode: 5, stderr: ' HDIO_DRIVE_CMD(dco_restore) failed: Input/output error\n' }
    }
    if (drive.restore !== 'ignored') drive.native = drive.current = drive.overlay ?? drive.native
    return {}
  }

  function identify(): string {
    const { current, overlay, amac } = drive
    const low = { 100: current & 0xffff, 101: (current >>> 16) & 0xffff }
    if (amac === true) return printIdentify({ ...low, 80: 0x0ff0, 82: 0x706b, 83: 0x7401, 119: 0x4100 })
    return printIdentify({ ...low, 83: overlay === undefined ? 0x7501 : 0x7d01 })
  }
}

const changing = ({ ran }: { ran: string[] }) => ran.filter((line) => line.includes('--yes-i-know'))

test('a protected area: the native size, for good, and the kernel sees it', async () => {
  const drive = createDrive({ current: 937_703_088, native: FULL, kernelSees: 'rescan' })
  const outcome = await restoreNativeSize(DISK, { native: FULL, dco: null }, drive.world.deps)
  assert.is(outcome.state, 'restored')
  assert.equal(changing(drive), [`hdparm --yes-i-know-what-i-am-doing -Np${FULL} /dev/sda`])
  assert.is(drive.rescans(), '1')
  assert.is(outcome.evidence.kernelSectors, FULL)
})

test('an accessible maximum address is raised by the same command', async () => {
  const drive = createDrive({ current: 937_703_088, native: FULL, amac: true, kernelSees: 'rescan' })
  assert.is((await restoreNativeSize(DISK, { native: FULL, dco: null }, drive.world.deps)).state, 'restored')
})

test('libata reads the drive again after a command that makes it', async () => {
  const drive = createDrive({ current: 937_703_088, native: FULL, kernelSees: 'features' })
  assert.is((await restoreNativeSize(DISK, { native: FULL, dco: null }, drive.world.deps)).state, 'restored')
  assert.ok(drive.ran.includes('hdparm -A1 /dev/sda'))
})

test('an overlay, and an overlay below a protected area, which goes first', async () => {
  const overlay = createDrive({
    current: 937_703_088,
    native: 937_703_088,
    overlay: FULL,
    kernelSees: 'rescan',
  })
  const sizes = { native: 937_703_088, dco: FULL }
  assert.is((await restoreNativeSize(DISK, sizes, overlay.world.deps)).state, 'restored')
  assert.equal(changing(overlay), ['hdparm --yes-i-know-what-i-am-doing --dco-restore /dev/sda'])
  const both = createDrive({ current: 900_000_000, native: 937_703_088, overlay: FULL, kernelSees: 'rescan' })
  assert.is((await restoreNativeSize(DISK, sizes, both.world.deps)).state, 'restored')
  assert.is(both.current, FULL)
  assert.match(changing(both)[0] ?? '', /-Np937703088/)
})

test('a drive that refuses, or says yes and does nothing, is unchanged, with the reason', async () => {
  for (const setMax of ['refused', 'ignored'] as const) {
    const drive = createDrive({ current: 937_703_088, native: FULL, setMax, kernelSees: 'rescan' })
    const outcome = await restoreNativeSize(DISK, { native: FULL, dco: null }, drive.world.deps)
    assert.is(outcome.state, 'unchanged')
    assert.match(outcome.reason ?? '', /still 937703088 of 1000215216 sectors/)
  }
  for (const restore of ['refused', 'ignored'] as const) {
    const start = { current: 937_703_088, native: 937_703_088, overlay: FULL }
    const drive = createDrive({ ...start, restore, kernelSees: 'rescan' })
    const outcome = await restoreNativeSize(DISK, { native: 937_703_088, dco: FULL }, drive.world.deps)
    assert.is(outcome.state, 'unchanged')
    assert.match(outcome.reason ?? '', /power cycle/)
  }
})

test('a kernel that keeps the old size: the disk cannot be written whole, so it is not restored', async () => {
  const drive = createDrive({ current: 937_703_088, native: FULL, kernelSees: 'never' })
  const outcome = await restoreNativeSize(DISK, { native: FULL, dco: null }, drive.world.deps)
  assert.is(outcome.state, 'unchanged')
  assert.match(outcome.reason ?? '', /restart the machine/)
  assert.is(drive.current, FULL)
})

test('behind a SAS controller nothing but the rescan is tried', async () => {
  const place = 'devices/pci0000:00/0000:03:00.0/host0/port-0:0/end_device-0:0/target0:0:0/0:0:0:0/block/sda'
  const drive = createDrive({ current: 937_703_088, native: FULL, kernelSees: 'features', place })
  assert.is((await restoreNativeSize(DISK, { native: FULL, dco: null }, drive.world.deps)).state, 'unchanged')
  assert.not.ok(drive.ran.includes('hdparm -A1 /dev/sda'))
})

test('nothing hidden: nothing is sent', async () => {
  const drive = createDrive({ current: FULL, native: FULL, kernelSees: 'rescan' })
  const outcome = await restoreNativeSize(DISK, { native: FULL, dco: null }, drive.world.deps)
  assert.is(outcome.state, 'unchanged')
  assert.is(outcome.reason, 'nothing is hidden')
  assert.equal(changing(drive), [])
})

test.run()
