import { generateKeyPairSync } from 'node:crypto'
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CliContext } from '../../src/cli/context.ts'
import { run as runRevert } from '../../src/cli/root/revert.ts'
import { run as runStage } from '../../src/cli/root/stage.ts'
import { run as runSwitch } from '../../src/cli/root/switch.ts'
import { makeManifest, manifestBytes } from '../../src/root/manifest/manifest.ts'
import { signManifest } from '../../src/root/manifest/signature.ts'
import { keyOf } from '../../src/root/observe/files.ts'
import { readRecord } from '../../src/root/record-file.ts'
import { systemClock } from '../../src/system/clock.ts'
import { createExec } from '../../src/system/exec.ts'
import { createHttp } from '../../src/system/http.ts'
import { createMachineRoot } from '../../src/system/machine-root.ts'
import { imageServer } from '../unit/helpers/image-server.ts'
import { outputs } from '../unit/helpers/outputs.ts'
import { temporaryDir } from '../unit/helpers/temporary.ts'
import { decideAndDo } from './helpers/root-host.ts'
import { type Hostpart, IDS, type Name, rootHostparts } from './helpers/root-hostpart.ts'
import { RELEASE } from './helpers/root-image.ts'
import { EXT4 } from './helpers/write-log/record.ts'

const dir = temporaryDir()
const { make, imageFile } = rootHostparts(dir)
const pair = generateKeyPairSync('ed25519')
const CREATED: Record<Name, string> = {
  first: '2026-11-10T10:00:00Z',
  next: '2026-11-20T10:00:00Z',
  twin: '2026-11-01T10:00:00Z',
}
const signal = new AbortController().signal

/** Puts an image there with its manifest and signature. */
async function putSigned(name: Name, path: string): Promise<void> {
  const described = {
    image: IDS[name],
    version: `1.${name}`,
    kernelRelease: RELEASE,
    created: CREATED[name],
  }
  const manifest = manifestBytes(await makeManifest(imageFile(name), described, { signal }))
  copyFileSync(imageFile(name), path)
  writeFileSync(`${path}.json`, manifest)
  const secret = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  writeFileSync(`${path}.json.sig`, signManifest(manifest, secret))
}

/** A machine whose image has a key, or none. */
function machine(withKey: boolean) {
  const at = temporaryDir()
  const { out, stdout, stderr } = outputs()
  mkdirSync(join(at, 'etc/speediso/root-keys'), { recursive: true })
  const pem = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString()
  if (withKey) writeFileSync(join(at, 'etc/speediso/root-keys/ours.pem'), pem)
  const root = createMachineRoot(at)
  const ctx = {
    ...{ stdout, stderr, clock: systemClock, exec: createExec() },
    ...{ root, signal, http: createHttp(root) },
  } as unknown as CliContext
  return { ctx, out }
}

const asked = { esp: undefined, plan: false, json: false, reboot: false, allowDowngrade: false }
const stage = (host: Hostpart, source: string, ctx: CliContext, more: Partial<typeof asked> = {}) =>
  runStage({ ...asked, hostpart: host.dir, source, ...more }, ctx)

/** A host that has confirmed `next`. */
async function confirmed(): Promise<Hostpart> {
  const host = make(EXT4, 400 * 2 ** 20)
  host.put('hn-root.img', 'first')
  await putSigned('next', join(dir, 'source.img'))
  const { ctx, out } = machine(true)
  assert.is(await stage(host, join(dir, 'source.img'), ctx), 'passed', out.stderr)
  const running = (await keyOf(join(host.dir, 'hn-root.img'))) ?? ''
  await decideAndDo(host.dir, { folder: dir, occasion: 'confirm', running })
  assert.is((await readRecord(host.dir))?.confirmed, running)
  return host
}

test('stage: a signed image that is older than the confirmed one is refused, unless it is asked for', async () => {
  using host = await confirmed()
  const older = join(dir, 'older.img')
  await putSigned('twin', older)
  for (const plan of [true, false]) {
    const { ctx, out } = machine(true)
    assert.is(await stage(host, older, ctx, { plan }), 'failed')
    assert.match(
      out.stdout,
      /^refused: it is older than the image that this host confirmed last .*--allow-downgrade/,
    )
    assert.is(host.list()['hn-root.img'], 'next')
  }
  const { ctx, out } = machine(true)
  assert.is(await stage(host, older, ctx, { allowDowngrade: true }), 'passed', out.stderr)
  assert.equal(host.list(), { 'hn-root.img': 'twin', 'hn-root-old.img': 'next' })
  // The way back is never a downgrade.
  assert.is(await runRevert({ ...asked, hostpart: host.dir }, machine(true).ctx), 'passed')
  assert.is(host.list()['hn-root.img'], 'next')
})

test('what was reverted is staged again: its manifest and signature were kept', async () => {
  using host = await confirmed()
  const broken = join(host.dir, 'hn-root-broken.img')
  const kept = () => readdirSync(join(host.dir, '.speediso/manifests')).length
  assert.is(kept(), 2)
  assert.is(await runRevert({ ...asked, hostpart: host.dir }, machine(true).ctx), 'passed')
  assert.equal(host.list(), { 'hn-root.img': 'first', 'hn-root-broken.img': 'next' })
  for (const withKey of [true, false]) {
    const { ctx, out } = machine(withKey)
    assert.is(await stage(host, broken, ctx), 'passed', out.stdout)
    assert.match(out.stderr, /all of its \d+ bytes are what its manifest says/)
    assert.equal(host.list(), { 'hn-root.img': 'next', 'hn-root-old.img': 'first' })
    assert.is(kept(), 2)
    assert.is(await runRevert({ ...asked, hostpart: host.dir }, machine(true).ctx), 'passed')
  }
  // One that was written to is not what was signed; where nothing has to be signed it is taken as it is.
  appendFileSync(broken, Buffer.alloc(4096))
  const signed = machine(true)
  assert.is(await stage(host, broken, signed.ctx), 'failed')
  assert.match(signed.out.stdout, /it has \d+ bytes, and \d+ by its manifest/)
  // A refused stage leaves nothing beside it.
  assert.equal([existsSync(broken), existsSync(`${broken}.json`)], [true, false])
  assert.is(await stage(host, broken, machine(false).ctx), 'passed')
})

test('dropped in, it is set aside with its manifest, so that it can still be staged', async () => {
  using host = await confirmed()
  await putSigned('twin', join(host.dir, 'hn-root-new.img'))
  const { ctx } = machine(true)
  const flags = { ...asked, hostpart: host.dir, boot: false, answer: undefined }
  assert.is(await runSwitch(flags, ctx), 'passed')
  const { list } = host
  assert.equal(
    ['hn-root.img', 'hn-root-rejected.img', 'hn-root-new.img'].map((name) => list()[name]),
    ['next', 'twin', undefined],
  )
  const rejected = join(host.dir, 'hn-root-rejected.img')
  assert.is(await stage(host, rejected, machine(true).ctx), 'failed')
  assert.is(await stage(host, rejected, machine(true).ctx, { allowDowngrade: true }), 'passed')
  assert.is(list()['hn-root.img'], 'twin')
  assert.not(Object.keys(list()).some((name) => name.includes('.img.json')))
})

test('what has failed its trial is not taken again, by its name or dropped in, whatever lies beside it', async () => {
  for (const withKey of [true, false])
    for (const dropped of [true, false]) {
      using host = make(EXT4, 400 * 2 ** 20)
      host.put('hn-root.img', 'first')
      const source = join(dir, 'failing.img')
      await putSigned('next', source)
      assert.is(await stage(host, source, machine(withKey).ctx), 'passed')
      const running = (await keyOf(join(host.dir, 'hn-root.img'))) ?? ''
      await decideAndDo(host.dir, { folder: dir, occasion: 'unhealthy', running })
      const { ctx, out } = machine(withKey)
      const broken = join(host.dir, 'hn-root-broken.img')
      // As a root that is mounted read-write is, in each boot.
      appendFileSync(broken, Buffer.alloc(4096))
      if (dropped) {
        renameSync(broken, join(host.dir, 'hn-root-new.img'))
        await runSwitch({ ...asked, hostpart: host.dir, boot: false, answer: undefined }, ctx)
      } else assert.is(await stage(host, broken, ctx), 'failed')
      assert.is(host.list()['hn-root.img'], 'first')
      if (!withKey) assert.match(`${out.stdout}${out.stderr}`, 'this host has gone back from this same')
    }
})

test('once an older image is confirmed, that one counts', async () => {
  using host = await confirmed()
  const between = join(dir, 'between.img')
  await putSigned('first', between)
  assert.is(await stage(host, between, machine(true).ctx), 'failed')
  const older = join(dir, 'older.img')
  await putSigned('twin', older)
  assert.is(await stage(host, older, machine(true).ctx, { allowDowngrade: true }), 'passed')
  // Still on trial: an image that nobody has confirmed does not count yet.
  assert.is(await stage(host, between, machine(true).ctx), 'failed')
  const running = (await keyOf(join(host.dir, 'hn-root.img'))) ?? ''
  await decideAndDo(host.dir, { folder: dir, occasion: 'confirm', running })
  const { ctx, out } = machine(true)
  assert.is(await stage(host, between, ctx), 'passed', out.stdout)
  assert.is(host.list()['hn-root.img'], 'first')
})

test('without keys anybody writes any date, and none is looked at', async () => {
  using host = await confirmed()
  const older = join(dir, 'older.img')
  await putSigned('twin', older)
  assert.is(await stage(host, older, machine(false).ctx), 'passed')
})

test('a plan of a URL refuses it before anything but the manifest is fetched', async () => {
  using host = await confirmed()
  const older = join(dir, 'older.img')
  await putSigned('twin', older)
  await using server = await imageServer(
    Object.fromEntries(
      ['', '.json', '.json.sig'].map((ending) => [`/older.img${ending}`, readFileSync(`${older}${ending}`)]),
    ),
  )
  const { ctx, out } = machine(true)
  assert.is(await stage(host, `${server.url}/older.img`, ctx, { plan: true }), 'failed')
  assert.match(out.stdout, /^refused: it is older/)
  const allowed = machine(true)
  assert.is(
    await stage(host, `${server.url}/older.img`, allowed.ctx, { plan: true, allowDowngrade: true }),
    null,
  )
  assert.match(allowed.out.stdout, /signed for this host\nwould be fetched: /)
  assert.not(server.requests.some(({ path }) => path === '/older.img'))
})

test.run()
