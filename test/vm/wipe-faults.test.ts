import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Report, reportSchema } from '../../src/runtime/report.ts'
import { createExec } from '../../src/system/exec.ts'
import { wipeResultSchema } from '../../tasks/wipe/result.ts'
import { MINUTE, netboot, speedisoLog } from './guest.ts'
import { createSshKey, harnessDeps, type Machine } from './harness/index.ts'
import { fillImage, searchImage } from './wipe-disks.ts'

const deps = harnessDeps({ log: (line) => process.stderr.write(`${line}\n`) })
const dir = mkdtempSync(join(tmpdir(), 'speediso-wipe-'))
const key = await createSshKey(dir, createExec())

const UUID = '53504545-4449-534f-8000-00000000abce'
const SIZE_MIB = 64
const names = ['SCRATCH', 'FORMAT', 'BOTH-1', 'BOTH-2', 'HALF-1', 'HALF-2', 'NOOP'] as const
const files = Object.fromEntries(names.map((name) => [name, join(dir, `${name}.img`)])) as Record<
  (typeof names)[number],
  string
>
await Promise.all(Object.values(files).map((file) => fillImage(file, SIZE_MIB)))

/** An NVMe controller with two namespaces, which the harness' own disks do not have. */
const twoNamespaces = (id: 'BOTH' | 'HALF') => [
  ...['-device', `nvme,id=${id},serial=${id}`],
  ...([1, 2] as const).flatMap((nsid) => {
    const node = `${id}-${nsid}` as const
    return [
      ...[
        '-blockdev',
        `driver=raw,node-name=${node},discard=unmap,file.driver=file,file.filename=${files[node]}`,
      ],
      ...['-device', `nvme-ns,bus=${id},drive=${node},nsid=${nsid}`],
    ]
  }),
]

const made = new AsyncDisposableStack()
let machine: Machine

test.before(async () => {
  const booted = made.use(
    await netboot(
      {
        ask: `"speediso.ssh.keys=${key.publicKey}"`,
        smbios: { system: { uuid: UUID, serial: 'SYS-FAULTS' } },
        disks: [
          { kind: 'virtio', serial: 'SCRATCH', sizeMiB: SIZE_MIB, file: files.SCRATCH },
          { kind: 'nvme', serial: 'FORMAT', sizeMiB: SIZE_MIB, file: files.FORMAT },
          { kind: 'scsi', serial: 'NOOP', wwn: '5000c500a1b2c3ff', sizeMiB: SIZE_MIB, file: files.NOOP },
        ],
        extraArguments: [...twoNamespaces('BOTH'), ...twoNamespaces('HALF')],
        limit: 20 * MINUTE,
      },
      deps,
    ),
  )
  machine = booted.machine
  await speedisoLog(machine)
  await machine.waitForSsh({ limit: MINUTE })
})
test.after(async () => {
  await made.disposeAsync()
  rmSync(dir, { recursive: true })
})

async function script(text: string): Promise<string> {
  return (await machine.ssh(['sh', '-eu'], key, { input: text })).stdout.trim()
}

async function wipe(...args: string[]): Promise<{
  code: number
  report: Report
  steps: Record<string, Report['tasks'][number]['steps'][number]>
}> {
  const command = ['speediso', 'wipe', '--confirm', UUID, '--json', ...args]
  const { stdout, exitCode } = await machine.ssh(command, key, { okExitCodes: [1, 3] })
  const report = reportSchema.parse(JSON.parse(stdout))
  const steps = Object.fromEntries((report.tasks[0]?.steps ?? []).map((step) => [step.kind, step]))
  return { code: exitCode, report, steps }
}

/** A loop device on a device-mapper table over the scratch disk; `sectors` of it. */
const onMapper = (name: string, table: string) => `
dmsetup create ${name} << 'END'
${table}
END
losetup --find --show --direct-io=on /dev/mapper/${name}
`
const SECTORS = (SIZE_MIB * 2 ** 20) / 512

test('sectors that cannot be written are listed to the byte, and the disk is not erased', async () => {
  const scratch = '/dev/disk/by-id/virtio-SCRATCH'
  const bad = { from: 50_000, to: 50_016 }
  const loop = await script(
    onMapper(
      'bad',
      [
        `0 ${bad.from} linear ${scratch} 0`,
        `${bad.from} ${bad.to - bad.from} error`,
        `${bad.to} ${SECTORS - bad.to} linear ${scratch} ${bad.to}`,
      ].join('\n'),
    ),
  )
  const { code, report, steps } = await wipe('--disks', `path:${loop}`)
  assert.is(code, 1, report.reason)
  const range = { from: bad.from * 512, to: bad.to * 512 }
  assert.equal(steps.erase?.evidence.unwritten, [range])
  assert.is(steps.erase?.evidence.unwrittenBytes, range.to - range.from)
  assert.match(steps.erase?.reason ?? '', 'destroy this disk')
  const [disk] = wipeResultSchema.parse(report.tasks[0]?.result).disks
  assert.equal([disk?.verdict, disk?.level], ['failed', 'none'])
  await script(`losetup --detach ${loop}; udevadm settle; dmsetup remove bad`)
})

test('a disk that takes every write and keeps none is found out', async () => {
  const scratch = '/dev/disk/by-id/virtio-SCRATCH'
  const loop = await script(onMapper('liar', `0 ${SECTORS} flakey ${scratch} 0 0 1000000 1 drop_writes`))
  const { code, report, steps } = await wipe('--disks', `path:${loop}`)
  assert.is(code, 1, report.reason)
  assert.is(steps.erase?.verdict, 'passed', 'each write was acknowledged')
  assert.is(steps.verify?.verdict, 'failed')
  assert.match(steps.verify?.reason ?? '', 'are not what was written')
  await script(`losetup --detach ${loop}; udevadm settle; dmsetup remove liar`)
})

test('a disk that hangs is given up, and holds up nobody else', async () => {
  const scratch = '/dev/disk/by-id/virtio-SCRATCH'
  // Reads go through at once, a write takes ten minutes.
  const half = SECTORS / 2
  const hung = await script(onMapper('hung', `0 ${half} delay ${scratch} 0 0 ${scratch} 0 600000`))
  const good = await script(onMapper('good', `0 ${half} linear ${scratch} ${half}`))
  const { code, report } = await wipe('--disks', `path:${hung},path:${good}`, '--stall', '30s')
  assert.is(code, 1, report.reason)
  const { disks } = wipeResultSchema.parse(report.tasks[0]?.result)
  const verdicts = Object.fromEntries(disks.map(({ path, verdict }) => [path, verdict]))
  assert.equal(verdicts, { [hung]: 'failed', [good]: 'passed' })
  assert.match(report.reason ?? '', 'has done nothing for 30 s')
})

test('NVMe format: canaries and samples prove it, and the raw disk has nothing left', async () => {
  const { code, report, steps } = await wipe(
    '--disks',
    'serial:FORMAT',
    '--methods',
    'nvme-format',
    '--level',
    'clear',
  )
  assert.is(code, 0, report.reason)
  assert.is(steps.erase?.evidence.method, 'nvme-format-user-data')
  assert.is(steps.verify?.evidence.canariesChecked, 128)
  assert.is((await searchImage(files.FORMAT)).secret, -1)
})

test('both namespaces of one NVMe drive are erased', async () => {
  const { code, report } = await wipe('--disks', 'serial:BOTH')
  assert.is(code, 0, report.reason)
  for (const name of ['BOTH-1', 'BOTH-2'] as const)
    assert.is((await searchImage(files[name])).secret, -1, name)
})

test('of two namespaces the one that was not asked for keeps every byte', async () => {
  // The kernel numbers namespaces as it finds them; nsid is the drive's own number.
  const found = await script(
    `lsblk --nodeps --noheadings --output PATH,SERIAL | awk '$2 == "HALF" { print $1; exit }'; cat /sys/block/$(lsblk --nodeps --noheadings --output NAME,SERIAL | awk '$2 == "HALF" { print $1; exit }')/nsid`,
  )
  const [path = '', nsid] = found.split('\n')
  const first = nsid === '1' ? 'HALF-1' : 'HALF-2'
  const other = first === 'HALF-1' ? 'HALF-2' : 'HALF-1'
  const { code, report } = await wipe('--disks', `path:${path}`)
  assert.ok(code === 0 || code === 3, report.reason)
  assert.is((await searchImage(files[first])).secret, -1)
  const kept = await searchImage(files[other])
  assert.is(kept.secret, 0)
})

test('a drive that says "done" and has done nothing is found out', async () => {
  // QEMU answers FORMAT UNIT with GOOD and leaves the data.
  const { code, report } = await wipe(
    '--disks',
    'serial:NOOP',
    '--methods',
    'scsi-format',
    '--level',
    'clear',
  )
  assert.is.not(code, 0)
  assert.is.not(report.verdict, 'passed')
  assert.is.not((await searchImage(files.NOOP)).secret, -1, 'the data is there')
})

test.run()
