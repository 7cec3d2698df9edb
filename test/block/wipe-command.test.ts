import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readEvents } from '../../src/runtime/recover.ts'
import { type Report, reportSchema } from '../../src/runtime/report.ts'
import { createExec } from '../../src/system/exec.ts'
import { readHostIdentity } from '../../src/system/identity.ts'
import { createMachineRoot } from '../../src/system/machine-root.ts'
import { wipeResultSchema } from '../../tasks/wipe/result.ts'
import { speediso } from '../unit/helpers/program.ts'
import { temporaryDir } from '../unit/helpers/temporary.ts'
import { type LoopDevice, loopDevice } from './helpers/loop-device.ts'

const MIB = 2 ** 20
const dir = temporaryDir()
const identity = await readHostIdentity(createMachineRoot('/'), createExec())
const confirm = identity.macs[0]?.mac ?? identity.uuid ?? identity.serial ?? ''
const main = join(import.meta.dirname, '../../src/main.ts')

let runs = 0

const disk = (sizeMiB: number) => loopDevice({ dir, sizeBytes: sizeMiB * MIB, fill: 0xa5 })

async function wipe(loop: LoopDevice, ...more: string[]) {
  runs += 1
  const own = ['--json', '--run-dir', join(dir, `run-${runs}`)]
  const args = ['wipe', '--disks', `path:${loop.path}`, '--confirm', confirm, ...own, ...more]
  const { code, stdout, stderr } = await speediso(args)
  const report = stdout === '' ? undefined : reportSchema.parse(JSON.parse(stdout))
  return { code, report, stdout, stderr }
}

const resultOf = (report: Report | undefined) => wipeResultSchema.parse(report?.tasks[0]?.result)
const stepOf = (report: Report | undefined, kind: string) => {
  const step = report?.tasks[0]?.steps.find((each) => each.kind === kind)
  if (step === undefined) throw new Error(`no step ${kind} in ${JSON.stringify(report?.reason)}`)
  return step
}

function isZero(file: string): boolean {
  const bytes = readFileSync(file)
  return bytes.equals(Buffer.alloc(bytes.length))
}

test('a mounted disk is taken apart, overwritten and read back; the certificate is signed and can be checked', async () => {
  using loop = disk(65)
  const { path, file } = loop
  execFileSync('mkfs.ext4', ['-q', '-E', 'nodiscard', path])
  const at = join(dir, 'mounted')
  mkdirSync(at)
  execFileSync('mount', [path, at])
  using _ = {
    [Symbol.dispose]() {
      spawnSync('umount', [at])
    },
  }
  writeFileSync(join(at, 'secret'), 'customer data')
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  const { code, report, stdout } = await wipe(
    loop,
    ...[`--certificate-key=${pem}`, '--customer', 'Example <b>Ltd</b>', '--reference', 'T-1'],
  )
  assert.is(code, 0, report?.reason)
  assert.ok(isZero(file))
  assert.not.match(execFileSync('cat', ['/proc/mounts'], { encoding: 'utf8' }), at)
  assert.not.match(stdout, 'PRIVATE KEY')
  const [row] = resultOf(report).disks
  assert.equal([row?.path, row?.verdict, row?.level, row?.method], [path, 'passed', 'clear', 'overwrite'])
  assert.is(stepOf(report, 'verify').evidence.readBytes, 65 * MIB)
  assert.is(stepOf(report, 'verify').evidence.canariesChecked, 128)

  const reportFile = join(dir, 'report.json')
  const keyFile = join(dir, 'key.pem')
  writeFileSync(reportFile, stdout)
  writeFileSync(keyFile, publicKey.export({ type: 'spki', format: 'pem' }))
  const check = (...more: string[]) => speediso(['wipe', '--check-certificate', reportFile, ...more])
  assert.is((await check('--key', keyFile)).code, 0)
  assert.is((await check()).code, 3, 'signed by a key that nobody here knows')
  const html = join(dir, 'certificate.html')
  assert.is((await check('--key', keyFile, '--certificate-html', html)).code, 0)
  assert.match(readFileSync(html, 'utf8'), 'Example &lt;b&gt;Ltd')
  writeFileSync(reportFile, stdout.replaceAll('"T-1"', '"T-2"'))
  assert.is((await check('--key', keyFile)).code, 1, 'negative control: one letter changed')
  const lone = await speediso(['wipe', '--key', keyFile])
  assert.equal(
    [lone.code, lone.stderr],
    [2, 'speediso: --key: means something only with --check-certificate; add --check-certificate\n'],
  )
})

test('a random pattern is read back as the key stream of its seed', async () => {
  using loop = disk(9)
  const { code, report } = await wipe(loop, '--pattern', 'random', '--passes', '2')
  assert.is(code, 0, report?.reason)
  assert.match(String(stepOf(report, 'erase').evidence.seed), /^[0-9a-f]{64}$/)
  const bytes = readFileSync(loop.file)
  assert.is(bytes.indexOf(Buffer.alloc(64, 0xa5)), -1)
  assert.is(bytes.indexOf(Buffer.alloc(64)), -1)
})

test('without a confirmation of this machine, or by a plan, not a byte changes', async () => {
  using loop = disk(8)
  const before = readFileSync(loop.file)
  const asked = ['wipe', '--disks', `path:${loop.path}`]
  const wrong = await speediso([...asked, '--confirm', '52:54:00:00:00:99'])
  assert.is(wrong.code, 2)
  assert.match(wrong.stderr, `--confirm 52:54:00:00:00:99: names another machine`)
  const none = await speediso(asked)
  assert.equal([none.code, none.stdout], [2, ''])
  assert.match(none.stderr, `this machine is --confirm ${confirm}`)
  const plan = await speediso(['wipe', '--disks', `path:${loop.path}`, '--plan'])
  assert.is(plan.code, 0)
  assert.match(plan.stdout, 'overwrite')
  assert.ok(before.equals(readFileSync(loop.file)))
})

test('what does not fit is refused before anything is done', async () => {
  using loop = disk(8)
  const before = readFileSync(loop.file)
  const purge = await wipe(loop, '--level', 'purge')
  assert.is(purge.code, 1)
  assert.match(purge.report?.reason ?? '', 'speediso.wipe.level=clear')
  const tmp = join(dir, 'tmp')
  mkdirSync(tmp)
  const nothing = await speediso(['wipe', '--disks', 'serial:NO-SUCH-DISK', '--confirm', confirm], {
    env: { TMPDIR: tmp },
  })
  assert.is(nothing.code, 2)
  assert.equal(readdirSync(tmp), [], 'no folder of a job that was none')
  assert.match(nothing.stderr, 'NO-SUCH-DISK')
  const typo = await speediso(['wipe', '--disks', `path:${loop.path}`, '--verfy', 'full'])
  assert.is(typo.code, 2)
  assert.ok(before.equals(readFileSync(loop.file)))
})

test('quick: the disk looks empty, its data is there, and everybody is told so', async () => {
  using loop = disk(16)
  execFileSync('mkfs.ext4', ['-q', '-E', 'nodiscard', loop.path])
  const args = [
    'wipe',
    '--disks',
    `path:${loop.path}`,
    '--confirm',
    confirm,
    '--run-dir',
    join(dir, 'quick'),
    '--quick',
  ]
  const { code, stdout } = await speediso(args)
  assert.is(code, 0, stdout)
  assert.match(stdout, 'NOT an erasure')
  assert.match(stdout, 'DATA STILL THERE')
  assert.is(execFileSync('wipefs', ['--no-act', loop.path], { encoding: 'utf8' }), '')
  assert.ok(readFileSync(loop.file).includes(Buffer.alloc(4096, 0xa5)))
})

test('not verified, as asked: unknown, whatever else went well', async () => {
  using loop = disk(8)
  const { code, report } = await wipe(loop, '--verify', 'none')
  assert.is(code, 3)
  assert.match(report?.reason ?? '', 'not verified')
})

test('killed in the middle and resumed: it goes on where it was, and the whole is proved', async () => {
  using loop = disk(640)
  const run = join(dir, 'killed')
  const args = [
    'wipe',
    '--disks',
    `path:${loop.path}`,
    '--confirm',
    confirm,
    '--run-dir',
    run,
    '--passes',
    '3',
    '--pattern',
    'random',
  ]
  const child = spawn(process.execPath, ['--no-warnings', main, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  for await (const text of child.stderr.setEncoding('utf8')) {
    said += text
    // Past the first checkpoint, which comes at the latest with the end of a pass.
    const done = /erase-loop\d+: (\d+)\.\d %/.exec(text)
    if (done !== null && Number(done[1]) > 35) child.kill('SIGKILL')
  }
  assert.match(said, /erase-loop\d+: \d+\.\d %/)
  const second = await speediso([...args, '--json'])
  assert.equal([second.code, second.stderr.includes('go on with it by --resume')], [2, true])
  const other = await speediso(['wipe', '--run-dir', run, '--resume', '--disks', 'all'])
  assert.equal([other.code, other.stdout], [2, ''], 'what was begun is not made another job')
  assert.match(other.stderr, '--disks: --resume goes on with what was asked for at the start')
  const { code, stdout } = await speediso(['wipe', '--run-dir', run, '--resume', '--json'])
  const report = reportSchema.parse(JSON.parse(stdout))
  assert.is(code, 0, report.reason)
  assert.is(readFileSync(loop.file).indexOf(Buffer.alloc(64, 0xa5)), -1)
  const { evidence } = stepOf(report, 'erase')
  assert.is(evidence.resumed, true)
  const [proved] = resultOf(report).certificate?.disks ?? []
  assert.equal([proved?.passes, proved?.pattern, proved?.verdict], [3, 'random', 'passed'])
  assert.ok(Number(evidence.writtenBytes) < 3 * 640 * MIB, `${evidence.writtenBytes}`)
  const events = await readEvents(join(run, 'events.ndjson'))
  assert.ok(events.some((event) => event.kind === 'log' && event.message.includes('goes on in pass')))
})

test('what proves an erase stays also where no folder was named, and the command says where', async () => {
  using loop = disk(4)
  const tmp = join(dir, 'kept')
  mkdirSync(tmp)
  const args = ['wipe', '--disks', `path:${loop.path}`, '--confirm', confirm]
  const { code, stderr } = await speediso(args, { env: { TMPDIR: tmp } })
  assert.is(code, 0)
  const [name = ''] = readdirSync(tmp)
  assert.match(stderr, `Events and report: ${join(tmp, name)}\n`)
  const report = reportSchema.parse(JSON.parse(readFileSync(join(tmp, name, 'report.json'), 'utf8')))
  assert.ok(resultOf(report).certificate)
})

test('a disk that somebody has open for writing is not touched', async () => {
  using loop = disk(8)
  const before = readFileSync(loop.file)
  const writer = spawn('sh', ['-c', 'exec 9<>"$0"; echo open; exec sleep 1000', loop.path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    await once(writer.stdout, 'data')
    const { code, report } = await wipe(loop)
    assert.is(code, 1)
    assert.match(report?.reason ?? '', `open for writing by sleep (${writer.pid})`)
    assert.ok(before.equals(readFileSync(loop.file)))
  } finally {
    writer.kill('SIGKILL')
    await once(writer, 'close')
  }
})

test('a key in a file signs; one that is no key, or no file, is told of in one line', async () => {
  using loop = disk(4)
  const file = join(dir, 'signing.pem')
  const { privateKey } = generateKeyPairSync('ed25519')
  writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const { report, stdout } = await wipe(loop, '--certificate-key', file)
  assert.ok(resultOf(report).certificate?.signature)
  assert.not.match(stdout, 'PRIVATE KEY')
  const { code, stderr } = await wipe(loop, '--certificate-key', join(dir, 'no-such.pem'))
  assert.is(code, 2)
  assert.match(stderr, 'no-such.pem cannot be read (ENOENT)')
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  writeFileSync(file, rsa.export({ type: 'pkcs8', format: 'pem' }))
  const bad = await wipe(loop, '--certificate-key', file)
  assert.is(bad.code, 2)
  assert.match(bad.stderr, /key of the kind rsa; it takes an Ed25519 private key/)
})

test.run()
