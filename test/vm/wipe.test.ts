import { createHash } from 'node:crypto'
import { constants, createReadStream, mkdtempSync, rmSync } from 'node:fs'
import { copyFile, mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Report, reportSchema } from '../../src/runtime/report.ts'
import { createExec } from '../../src/system/exec.ts'
import { wipeResultSchema } from '../../tasks/wipe/result.ts'
import { MINUTE, netboot, runGuest, speedisoLog } from './guest.ts'
import { createSshKey, harnessDeps } from './harness/index.ts'
import { BUILD, SECRET, searchImage, secretDisks } from './wipe-disks.ts'

const deps = harnessDeps({ log: (line) => process.stderr.write(`${line}\n`) })
const dir = mkdtempSync(join(tmpdir(), 'speediso-wipe-'))
const key = await createSshKey(dir, createExec())
test.after(() => rmSync(dir, { recursive: true }))

const UUID = '53504545-4449-534f-8000-00000000abcd'
const smbios = { system: { uuid: UUID, serial: 'SYS-WIPE' } }
const SIZE_MIB = 128
const MIB = 2 ** 20

const digest = async (file: string) => {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk)
  return hash.digest('hex')
}

const disks = await secretDisks(dir, SIZE_MIB)
const copies = disks.map((disk) => ({ ...disk, file: join(dir, 'copies', `${disk.serial}.img`) }))

const verdicts = ({ tasks }: Report) =>
  Object.fromEntries(
    tasks.flatMap(({ steps }) => steps.map(({ id, verdict, reason }) => [id, reason ?? verdict])),
  )

test('disks in use by md, LVM, LUKS, file systems and swap are taken apart, and nothing is left on them', async () => {
  const { publicKey } = key
  await using booted = await netboot({ ask: `"speediso.ssh.keys=${publicKey}"`, smbios, disks }, deps)
  const { machine } = booted
  await speedisoLog(machine)
  await machine.waitForSsh({ limit: MINUTE })
  const built = await machine.ssh(['sh', '-eu'], key, { input: BUILD })
  assert.match(built.stdout, '/mnt/secret')
  await mkdir(join(dir, 'copies'))
  for (const [index, disk] of disks.entries())
    await copyFile(disk.file, copies[index]?.file ?? '', constants.COPYFILE_FICLONE)
  for (const disk of copies)
    assert.is.not((await searchImage(disk.file)).secret, -1, 'negative control: it is there')

  const plan = await machine.ssh(['speediso', 'wipe', '--plan'], key)
  for (const word of ['md', 'ext4', 'LVM', 'LUKS', 'swap', 'NVME-1', 'SATA-2', 'SCSI-1', 'VIRTIO-1'])
    assert.match(plan.stdout, word)
  const refused = await machine.ssh(['speediso', 'wipe', '--confirm', '52:54:00:00:00:99'], key, {
    okExitCodes: [2],
  })
  assert.match(refused.stderr, 'names another machine')
  for (const disk of disks)
    assert.is.not((await searchImage(disk.file)).secret, -1, 'refused: it is still there')

  const run = await machine.ssh(['speediso', 'wipe', '--confirm', UUID, '--json'], key, {
    okExitCodes: [1, 3],
  })
  const report = reportSchema.parse(JSON.parse(run.stdout))
  assert.is(report.verdict, 'passed', JSON.stringify(verdicts(report), null, 1))
  for (const { serial, file } of disks) {
    const found = await searchImage(file)
    assert.equal(found, { secret: -1, nonZero: -1, bytes: SIZE_MIB * MIB }, serial)
  }
  const left = await machine.ssh(['lsblk', '--json', '--output', 'NAME,FSTYPE,PTTYPE,TYPE'], key)
  assert.not.match(left.stdout, /"(part|raid1|lvm|crypt)"/)
})

test('a confirmation of another machine leaves every byte as it is', async () => {
  const before = await Promise.all(copies.map(({ file }) => digest(file)))
  await using guest = await runGuest(
    { ask: 'SPEEDISO=wipe speediso.confirm=52:54:00:00:00:99,OTHER-SERIAL', smbios, disks: copies },
    deps,
  )
  assert.is(guest.report.verdict, 'failed')
  assert.match(guest.report.reason ?? '', 'destructive and speediso.confirm= names 52:54:00:00:00:99')
  assert.equal(await Promise.all(copies.map(({ file }) => digest(file))), before)
})

test('netbooted with its own name: every disk is erased and proved, with a certificate', async () => {
  await using guest = await runGuest(
    {
      ask: `SPEEDISO=wipe speediso.confirm=${UUID} speediso.wipe.customer="Example Ltd" speediso.wipe.reference=T-1`,
      smbios,
      disks: copies,
    },
    deps,
  )
  const { report } = guest
  assert.is(report.verdict, 'passed', JSON.stringify(verdicts(report), null, 1))
  for (const { serial, file } of copies) {
    const found = await searchImage(file)
    assert.equal(found, { secret: -1, nonZero: -1, bytes: SIZE_MIB * MIB }, serial)
  }
  const { certificate } = wipeResultSchema.parse(report.tasks[0]?.result)
  assert.ok(certificate)
  assert.equal(
    certificate.disks.map(({ verdict }) => verdict),
    copies.map(() => 'passed'),
  )
  assert.match(JSON.stringify(certificate), 'Example Ltd')
  assert.not.match(JSON.stringify(report), SECRET)
})

test.run()
