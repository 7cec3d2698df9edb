import { chmodSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readBoot } from '../../src/system/boot-mode.ts'
import { createExec } from '../../src/system/exec.ts'
import { readFilesystems } from '../../src/system/filesystem/filesystems.ts'
import { readMounts } from '../../src/system/filesystem/mounts.ts'
import { type LoadDiskInfo, readUsage } from '../../src/system/filesystem/node-disk-info.ts'
import { knownValue } from '../../src/system/finding.ts'
import { createMachineRoot, type MachineRoot } from '../../src/system/machine-root.ts'
import { openMachine, openTree } from './helpers/machine-tree.ts'
import { temporaryDir } from './helpers/temporary.ts'

/** A search path that has only these programs; a text is a shell script. */
function programs(scripts: Record<string, string | null>): string {
  const dir = temporaryDir()
  for (const [name, script] of Object.entries(scripts)) {
    const at = join(dir, name)
    if (script === null) symlinkSync(`/bin/${name}`, at)
    else writeFileSync(at, `#!/bin/sh\n${script}\n`)
    if (script !== null) chmodSync(at, 0o755)
  }
  return dir
}

async function withPath<T>(path: string, work: () => Promise<T>): Promise<T> {
  const before = process.env.PATH
  process.env.PATH = path
  try {
    return await work()
  } finally {
    process.env.PATH = before
  }
}

const here = createMachineRoot('/')
const neverLoaded: LoadDiskInfo = () => {
  throw new Error('the library was loaded')
}

test('usage on this machine by node-disk-info', async () => {
  const usages = knownValue(await readUsage(here, createExec()))
  const whole = usages?.get('/')
  assert.ok(whole !== undefined && whole.sizeBytes > 0 && whole.usedBytes <= whole.sizeBytes)
})

test('without df it is unknown, and the library is not even loaded', async () => {
  const usage = await withPath(programs({ sh: null }), () => readUsage(here, createExec(), neverLoaded))
  assert.is(usage.status === 'unknown' && usage.reason, 'node-disk-info needs df, which is not installed')
})

test('a df that hangs is ended, and the library, which would hang with it, is not called', async () => {
  const path = programs({ sh: null, awk: '', df: 'exec /bin/sleep 60' })
  const from = performance.now()
  const usage = await withPath(path, () =>
    readUsage(here, createExec(), neverLoaded, AbortSignal.timeout(200)),
  )
  assert.is(usage.status, 'unknown')
  assert.ok(performance.now() - from < 3000)
})

test('empty, odd or broken answers of the library are unknown', async () => {
  const drive = { filesystem: '/dev/x', blocks: 1, used: 0, available: 1, mounted: 'no path' }
  for (const answer of [[], {}, 'text', [drive], [{}]]) {
    const usage = await readUsage(here, createExec(), async () => ({ getDiskInfo: async () => answer }))
    assert.is(usage.status, 'unknown', JSON.stringify(answer))
  }
})

const MOUNTS = [
  '21 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw',
  '22 21 0:5 / /proc rw - proc proc rw',
  '23 21 254:2 /sub /srv/part rw - ext4 /dev/vda2 rw',
  '24 21 254:2 / /mnt/with\\040space ro,relatime - xfs /dev/vda2 rw',
  '25 21 0:40 / /net rw - nfs4 server:/export rw',
].join('\n')

const running = (root: MachineRoot): MachineRoot => ({ ...root, dir: '/', exists: async () => true })

test('what is mounted comes from the kernel; pseudo file systems and bind mounts of a part are not counted', async () => {
  const { root, exec } = openTree({ files: { '/proc/self/mountinfo': MOUNTS } })
  const found = knownValue(await readFilesystems(root, exec))
  assert.equal(
    found?.mounted.map((f) => [f.mountPoint, f.type, f.readOnly, f.usage.status]),
    [
      ['/', 'ext4', false, 'unknown'],
      ['/mnt/with space', 'xfs', true, 'unknown'],
      ['/net', 'nfs4', false, 'unknown'],
    ],
  )
  assert.is(found?.notCounted, 2)
})

test('a size beyond that of the block device is not believed', async () => {
  const files = { '/proc/self/mountinfo': MOUNTS, '/sys/dev/block/254:1/size': '2048' }
  const { root } = openTree({ files })
  const df = { 'df -P': { stdout: 'x', exitCode: 0 } }
  const drive = (mounted: string) => ({ filesystem: 'x', blocks: 4096, used: 8, available: 8, mounted })
  const load: LoadDiskInfo = async () => ({ getDiskInfo: async () => [drive('/'), drive('/net')] })
  const found = knownValue(await readFilesystems(running(root), openTree({ commands: df }).exec, load))
  assert.is(found?.mounted[0]?.usage.status, 'unknown')
  assert.is(found?.disagreements[0]?.taken.value, 2048 * 512)
  assert.is(found?.mounted[2]?.usage.status, 'known')
  assert.match(JSON.stringify(found?.mounted[1]?.usage), 'does not list /mnt/with space')
})

test('no mountinfo, and one with a damaged line: unknown', async () => {
  assert.is((await readMounts(openTree({}).root)).status, 'unknown')
  const { root } = openTree({ files: { '/proc/self/mountinfo': `${MOUNTS}\n26 21 half a line` } })
  assert.is((await readMounts(root)).status, 'unknown')
})

test('boot mode: UEFI with its variables, BIOS, and neither', async () => {
  const uefi = knownValue(await readBoot(openMachine('qemu-uefi-odd').root))
  assert.equal(uefi && [knownValue(uefi.mode), knownValue(uefi.secureBoot)], ['UEFI', false])
  const bios = knownValue(await readBoot(openMachine('qemu-bios-server').root))
  assert.is(bios && knownValue(bios.mode), 'BIOS')
  assert.is(bios?.secureBoot.status, 'absent')
  assert.is((await readBoot(openTree({}).root)).status, 'unknown')
})

test('secure boot: on, efivarfs not mounted, variable not there, variable of an odd length', async () => {
  const vars = '/sys/firmware/efi/efivars'
  const name = `${vars}/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c`
  const state = async (files: Parameters<typeof openTree>[0]['files']) => {
    const boot = knownValue(await readBoot(openTree({ files: files ?? {} }).root))
    return boot?.secureBoot
  }
  const on = await state({ [name]: { base64: Buffer.from([6, 0, 0, 0, 1]).toString('base64') } })
  assert.is(on && knownValue(on), true)
  assert.is((await state({ [vars]: { dir: true } }))?.status, 'unknown')
  assert.is((await state({ [`${vars}/Other-1`]: 'x' }))?.status, 'absent')
  assert.is((await state({ [name]: 'ab' }))?.status, 'unknown')
})

test.run()
