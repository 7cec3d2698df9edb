import { execFileSync, spawnSync } from 'node:child_process'
import { createHash, generateKeyPairSync } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ToolMissingError } from '../../src/errors.ts'
import { type JudgeDeps, type JudgeOptions, judgeCandidate } from '../../src/root/candidate/judge.ts'
import { attachReadOnly, type LoopIo } from '../../src/root/candidate/loop-device.ts'
import { LookError } from '../../src/root/candidate/mounted.ts'
import { makeManifest, manifestBytes } from '../../src/root/manifest/manifest.ts'
import { signManifest } from '../../src/root/manifest/signature.ts'
import { digestBoot, lookAt } from '../../src/root/observe/image.ts'
import type { CandidateVerdict } from '../../src/root/schema.ts'
import { createExec, type Exec } from '../../src/system/exec.ts'
import { temporaryDir } from '../unit/helpers/temporary.ts'
import {
  environment,
  type Filesystem,
  fakeKernel,
  goodTree,
  IMAGE_ID,
  makeImage,
  mounted,
  RELEASE,
  type Tree,
} from './helpers/root-image.ts'

const dir = temporaryDir()
const at = (name: string) => join(dir, name)
const real = createExec()
const signal = new AbortController().signal
const deps: JudgeDeps = { exec: real, signal, folder: dir }
const plain: JudgeOptions = { keys: [], denied: [], arch: 'x64' }
const judge = (file: string, options: Partial<JudgeOptions> = {}, others: Partial<JudgeDeps> = {}) =>
  judgeCandidate(file, { ...plain, ...options }, { ...deps, ...others })

const attached = () =>
  execFileSync('losetup', ['--list', '--noheadings', '--output', 'BACK-FILE'], { encoding: 'utf8' })
const mounts = () => readFileSync('/proc/self/mountinfo', 'utf8')

/** Nothing of it stays, whatever came out of it. */
test.after.each(() => {
  assert.not.match(attached(), dir)
  assert.not.match(mounts(), dir)
  assert.equal(
    readdirSync(dir).filter((name) => name.startsWith('image-')),
    [],
  )
})

function accepted(verdict: CandidateVerdict) {
  if (!verdict.accepted) throw new Error(`refused: ${verdict.reason}`)
  return verdict
}
function refused(verdict: CandidateVerdict, reason: RegExp) {
  if (verdict.accepted) throw new Error(`accepted: ${verdict.evidence.join('; ')}`)
  assert.match(verdict.reason, reason)
  assert.not.match(verdict.reason, '\n')
  return verdict
}
const uuidOf = (file: string) =>
  execFileSync('blkid', ['-p', '-s', 'UUID', '-o', 'value', file], { encoding: 'utf8' }).trim()
const typeOf = (file: string) =>
  execFileSync('blkid', ['-p', '-s', 'TYPE', '-o', 'value', file], { encoding: 'utf8' }).trim()

const KINDS: Filesystem[] = ['ext4', 'xfs', 'btrfs', 'squashfs']
for (const kind of KINDS) makeImage(at(`${kind}.img`), kind, goodTree())
/** A copy to spoil. */
const copy = (kind: Filesystem, name = 'candidate.img') => {
  execFileSync('cp', ['--sparse=always', at(`${kind}.img`), at(name)])
  return at(name)
}
function poke(file: string, offset: number, bytes: Uint8Array) {
  const fd = openSync(file, 'r+')
  writeSync(fd, bytes, 0, bytes.length, offset)
  closeSync(fd)
}
const without = (...paths: string[]): Tree =>
  Object.fromEntries(Object.entries(goodTree()).filter(([path]) => !paths.includes(path)))

const facts = { version: '3.1', kernelRelease: RELEASE, created: '2026-01-02T03:04:05Z' }
const manifestOf = async (file: string, image = uuidOf(file), more = {}) =>
  manifestBytes(await makeManifest(file, { ...facts, ...more, image }, { signal }))

for (const kind of KINDS) {
  test(`${kind}: a whole image is accepted, and says what is not proved`, async () => {
    const file = at(`${kind}.img`)
    const { image, evidence, kernel } = accepted(await judge(file))
    assert.equal(image, { id: kind === 'squashfs' ? '' : uuidOf(file), kernelRelease: RELEASE })
    assert.is(kernel, 'other')
    const all = evidence.join('\n')
    assert.match(all, 'is not proved')
    assert.match(
      all,
      {
        ext4: 'e2fsck finds no error',
        xfs: 'xfs_repair finds no error',
        btrfs: 'btrfs finds no error',
        squashfs: 'no program that checks',
      }[kind],
    )
    assert.match(all, 'GRUB reads /boot/kernel byte for byte')
    assert.match(all, 'GRUB reads /boot/initramfs byte for byte')
    assert.match(all, `${typeOf(file)} mounts read-only`)
  })

  test(`${kind}: cut off anywhere, it is refused`, async () => {
    const { size } = statSync(at(`${kind}.img`))
    for (const length of [0, 512, 1500, 4096, 0x10400, Math.floor(size / 3), size - 65536, size - 4097]) {
      const file = copy(kind)
      truncateSync(file, length)
      const { reason } = refused(await judge(file), /./) as { reason: string }
      assert.ok(reason.length < 300, reason)
      if (length > 0x20000) assert.match(reason, /copy it whole|errors|cannot be mounted/, `${length}`)
    }
  })
}

test('cut off and made as long again: the structure tells', async () => {
  for (const kind of ['ext4', 'xfs', 'btrfs'] as const) {
    const file = copy(kind)
    const { size } = statSync(file)
    truncateSync(file, 300_000)
    truncateSync(file, size)
    refused(await judge(file), /has errors|cannot be mounted/)
  }
})

test('a manifest: every byte counts', async () => {
  const file = copy('ext4')
  const manifest = await manifestOf(file)
  const { image, evidence } = accepted(await judge(file, { manifest }))
  assert.equal(image, {
    id: uuidOf(file),
    sha256: createHash('sha256').update(readFileSync(file)).digest('hex'),
    version: '3.1',
    kernelRelease: RELEASE,
  })
  assert.match(evidence.join('\n'), 'are what its manifest says')
  assert.match(evidence.join('\n'), 'its signature was not asked for')

  // Of data that no filesystem check looks at: with no manifest it passes, and the evidence has said so.
  const inside = readFileSync(file).indexOf(goodTree()['usr/share/data'] as Buffer)
  assert.ok(inside > 0)
  poke(file, inside + 1_000_000, Uint8Array.of((readFileSync(file)[inside + 1_000_000] ?? 0) ^ 1))
  refused(await judge(file, { manifest }), /not what its manifest says .* copy it again/)
  accepted(await judge(file))

  const longer = copy('ext4')
  truncateSync(longer, statSync(longer).size + 1)
  refused(
    await judge(longer, { manifest }),
    /^it has 25165825 bytes, and 25165824 by its manifest: copy it whole$/,
  )
  refused(await judge(file, { manifest: manifest.subarray(0, 1000) }), /manifest is no JSON/)
  refused(await judge(file, { manifest: Buffer.from('{}') }), /manifest is no speediso.root-image\/1/)
})

test('progress, and an end by signal', async () => {
  const file = copy('ext4')
  const manifest = await manifestOf(file)
  const seen: number[] = []
  accepted(await judge(file, { manifest }, { progress: (done, total) => seen.push(done / total) }))
  assert.is(seen.at(-1), 1)
  const stop = new AbortController()
  const error = await judge(
    file,
    { manifest },
    { signal: stop.signal, progress: () => stop.abort(new Error('stop')) },
  ).catch((e: unknown) => e)
  assert.is((error as Error).message, 'stop')
  // In the middle of a mount, too.
  for (const program of ['mount', 'umount', 'grub-fstest', 'e2fsck']) {
    const ending = new AbortController()
    const exec: Exec = (name, args, options) => {
      if (name === program) ending.abort(new Error('stop'))
      return real(name, args, options)
    }
    const ended = await judge(file, {}, { exec, signal: ending.signal }).catch((e: unknown) => e)
    assert.is((ended as Error).message, 'stop', program)
    assert.not.match(attached(), dir, program)
  }
})

test('a signature, once there are keys', async () => {
  const [ours, others] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')]
  const pem = (key: typeof ours) => key.publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const secret = (key: typeof ours) => key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const keys = [{ name: '/etc/speediso/root-keys/ours.pem', pem: pem(ours) }]
  const file = at('ext4.img')
  const manifest = await manifestOf(file)
  const signature = signManifest(manifest, secret(ours))
  const { evidence } = accepted(await judge(file, { manifest, signature, keys }))
  assert.match(evidence.join('\n'), 'signed by /etc/speediso/root-keys/ours.pem')
  accepted(await judge(file, { manifest, signature: Buffer.from(`${signature.toString('base64')}\n`), keys }))
  refused(
    await judge(file, { manifest, signature: signManifest(manifest, secret(others)), keys }),
    /signed by none/,
  )
  refused(await judge(file, { manifest: Buffer.from(`${manifest} `), signature, keys }), /signed by none/)
  refused(await judge(file, { manifest, keys }), /no signature.*signed images only/)
  refused(await judge(file, { keys }), /no manifest.*signed images only/)
})

test('what it has to hold', async () => {
  const cases: [string, Tree, RegExp][] = [
    ['no kernel', without('boot/kernel'), /holds no \/boot\/kernel .*no \/boot\/kernel in the image/],
    [
      'a dangling link',
      { ...goodTree(), 'boot/kernel': { to: 'vmlinuz-9' } },
      /is a link, and there is no \/boot\/vmlinuz-9/,
    ],
    // Both are there on the machine that judges.
    [
      'a link out of the image',
      { ...goodTree(), 'boot/kernel': { to: '../../../../../../etc/passwd' } },
      /is a link, and there is no \/etc/,
    ],
    [
      'an absolute link',
      { ...goodTree(), 'boot/initramfs': { to: '/etc/passwd' } },
      /no \/boot\/initramfs .*there is no \/etc/,
    ],
    ['a circle', { ...goodTree(), 'boot/kernel': { to: 'kernel' } }, /leads in a circle/],
    ['a folder', { ...goodTree(), 'boot/kernel': { to: '/usr' } }, /is a folder/],
    ['no initramfs', without('boot/initramfs'), /no \/boot\/initramfs/],
    [
      'an initramfs that is none',
      { ...goodTree(), 'boot/initrd': 'hello, world; this is text' },
      /is no initramfs/,
    ],
    ['an empty initramfs', { ...goodTree(), 'boot/initrd': '' }, /is no initramfs/],
    [
      'a kernel that is none',
      { ...goodTree(), [`boot/vmlinuz-${RELEASE}`]: Buffer.alloc(100_000, 7) },
      /is no kernel/,
    ],
    [
      'half a kernel',
      { ...goodTree(), [`boot/vmlinuz-${RELEASE}`]: fakeKernel().subarray(0, 150_000) },
      /150000 bytes, and 302560 by its own header/,
    ],
    ['no init', without('usr/sbin/init', 'usr/lib/systemd/systemd'), /holds no init/],
    [
      'an init that cannot run',
      { ...without('usr/sbin/init'), 'usr/lib/systemd/systemd': 'x' },
      /systemd cannot be run/,
    ],
    [
      'no modules',
      without(`usr/lib/modules/${RELEASE}/modules.dep`),
      /holds no \/lib\/modules\/6.12.107-test.*it has none/,
    ],
    [
      'modules of another kernel',
      { ...goodTree(), [`boot/vmlinuz-${RELEASE}`]: fakeKernel('6.13.0-other') },
      /holds no \/lib\/modules\/6.13.0-other.*those of 6.12.107-test/,
    ],
    [
      'an environment that is none',
      { ...goodTree(), 'boot/speediso.env': 'image=x' },
      /no GRUB environment block/,
    ],
    [
      'an id that is none',
      { ...goodTree(), 'boot/speediso.env': environment({ image: 'x y' }) },
      /is no id: it takes a UUID/,
    ],
  ]
  for (const [name, tree, reason] of cases) {
    makeImage(at('case.img'), 'squashfs', tree, ['-comp', 'gzip'])
    const verdict = await judge(at('case.img'))
    if (verdict.accepted) throw new Error(`${name}: accepted`)
    assert.match(verdict.reason, reason, name)
  }
  refused(await judge(at('ext4.img'), { arch: 'arm64' }), /is for x64, and this machine takes one for arm64/)
})

test('links within the image are followed as its own processes would', async () => {
  const above = { to: '../../../../../boot/vmlinuz' }
  makeImage(at('case.img'), 'ext4', { ...goodTree(), 'boot/vmlinuz': fakeKernel(), 'boot/kernel': above })
  accepted(await judge(at('case.img')))
})

test('what GRUB cannot read is refused, though the kernel mounts it', async () => {
  const cases: [Filesystem, string[]][] = [
    ['ext4', ['-O', 'inline_data']],
    ['ext4', ['-O', 'ea_inode']],
    ['squashfs', ['-comp', 'zstd']],
  ]
  for (const [kind, options] of cases) {
    makeImage(at('case.img'), kind, goodTree(), options)
    refused(await judge(at('case.img')), /GRUB cannot read \/boot\/kernel/)
    refused(await judge(at('case.img'), { allowUnreadByGrub: true }), /GRUB cannot read \/boot\/kernel/)
  }
})

/** As if a program were not installed. */
const lacking =
  (tool: string): Exec =>
  (file, args, options) => {
    if (file === tool) throw new ToolMissingError(`${file}: not installed`)
    return real(file, args, options)
  }

test('programs that are not there', async () => {
  const file = at('ext4.img')
  refused(await judge(file, {}, { exec: lacking('grub-fstest') }), /grub-fstest is not installed.*install it/)
  const allowed = accepted(await judge(file, { allowUnreadByGrub: true }, { exec: lacking('grub-fstest') }))
  assert.match(allowed.evidence.join('\n'), 'GRUB can read it was not checked')
  const unchecked = accepted(await judge(file, {}, { exec: lacking('e2fsck') }))
  assert.match(unchecked.evidence.join('\n'), 'not checked: e2fsck is not installed')
  // That is this machine's fault and not the image's: no verdict at all.
  const error = await judge(file, {}, { exec: lacking('mount') }).catch((e: unknown) => e)
  assert.instance(error, LookError)
})

test('a filesystem that was copied while it was mounted', async () => {
  for (const [kind, reason] of [
    ['ext4', /its journal has to be replayed/],
    ['xfs', /has errors|cannot be mounted read-only/],
  ] as const) {
    const file = copy(kind)
    mounted(file, (point) => {
      mkdirSync(join(point, 'new'))
      writeFileSync(join(point, 'new/file'), 'x'.repeat(100_000))
      execFileSync('sync', ['--file-system', point])
      copyFileSync(file, at('torn.img'))
    })
    refused(await judge(at('torn.img')), reason)
    // Its manifest changes nothing: neither GRUB nor a read-only loop device replays.
    const manifest = await manifestOf(at('torn.img'))
    refused(
      await judge(at('torn.img'), { manifest }),
      kind === 'ext4' ? reason : /cannot be mounted read-only/,
    )
  }
})

test('a second one with the UUID of a mounted filesystem', async () => {
  for (const kind of ['ext4', 'xfs'] as const) {
    const file = copy(kind)
    let verdict: Promise<CandidateVerdict> | undefined
    const point = at('held')
    mkdirSync(point, { recursive: true })
    execFileSync('mount', ['-o', 'loop,ro', at(`${kind}.img`), point])
    try {
      verdict = judge(file)
      accepted(await verdict)
    } finally {
      execFileSync('umount', [point])
    }
  }
})

test('other things than filesystems', async () => {
  const cases: [Buffer, RegExp][] = [
    [Buffer.from('1f8b0800', 'hex'), /compressed: unpack it/],
    [Buffer.concat([Buffer.alloc(510), Buffer.from('55aa', 'hex')]), /partition table/],
    [
      Buffer.concat([
        Buffer.alloc(54),
        Buffer.from('FAT16   '),
        Buffer.alloc(448),
        Buffer.from('55aa', 'hex'),
      ]),
      /FAT filesystem/,
    ],
    [Buffer.alloc(100), /begins with zeros/],
    [Buffer.alloc(100_000, 'no filesystem '), /starts with no ext2/],
  ]
  for (const [bytes, reason] of cases) {
    writeFileSync(at('case.img'), bytes)
    refused(await judge(at('case.img')), reason)
  }
})

test('an id of its own, and a manifest that says otherwise', async () => {
  const file = at('env.img')
  makeImage(file, 'ext4', {
    ...goodTree(),
    'boot/speediso.env': environment({ image: IMAGE_ID, version: '7' }),
  })
  const { image } = accepted(await judge(file))
  assert.equal(image, { id: IMAGE_ID, version: '7', kernelRelease: RELEASE })
  assert.is(accepted(await judge(file, { manifest: await manifestOf(file, IMAGE_ID) })).image.id, IMAGE_ID)
  refused(await judge(file, { manifest: await manifestOf(file) }), /its id is 0f1e2d3c.* by its manifest/)
  const other = await manifestOf(file, IMAGE_ID, { kernelRelease: '6.1' })
  refused(await judge(file, { manifest: other }), /its kernel is 6.12.107-test, and 6.1 by its manifest/)
})

test('the same kernel or another one', async () => {
  const deps = { exec: createExec(), signal: new AbortController().signal, folder: dir }
  const tree = goodTree()
  const append = (text: string) => ({ 'boot/speediso.env': environment({ image: IMAGE_ID, append: text }) })
  const compare = async (name: string, change: Parameters<typeof makeImage>[2]) => {
    makeImage(at(name), 'ext4', { ...tree, ...change })
    return accepted(await judge(at(name), { bootDigest })).kernel
  }
  makeImage(at('one.img'), 'xfs', tree)
  const bootDigest = (await digestBoot(at('one.img'), deps)) ?? ''
  assert.is(await compare('same.img', {}), 'same', 'on another filesystem')
  assert.is(await compare('quiet.img', append('quiet')), 'other', 'with other kernel arguments')
  const [initramfs = ''] = Object.keys(tree).filter(
    (path) => /initr/.test(path) && Buffer.isBuffer(tree[path]),
  )
  const bytes = Buffer.from(tree[initramfs] as Buffer)
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
  assert.is(await compare('initramfs.img', { [initramfs]: bytes }), 'other', 'with another initramfs')
  assert.is(accepted(await judge(at('same.img'), {})).kernel, 'other', 'compared with nothing')
})

test('denied before', async () => {
  const file = at('ext4.img')
  const manifest = await manifestOf(file)
  const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex')
  const why = { reason: 'no network', time: '2026-02-03T04:05:06Z' }
  const reason = /gone back from this same image on 2026-02-03T04:05:06Z \(no network\)/
  const verdict = refused(await judge(file, { manifest, denied: [{ digest: sha256, ...why }] }), reason)
  assert.is(verdict.accepted ? '' : verdict.image?.sha256, sha256)
  // Its manifest left away does not help it.
  refused(await judge(file, { denied: [{ digest: sha256, ...why }] }), reason)
  refused(await judge(file, { denied: [{ digest: uuidOf(file), ...why }] }), reason)
  accepted(await judge(file, { manifest, denied: [{ digest: 'a'.repeat(64), ...why }] }))
})

test('made before the confirmed one: refused where images are signed', async () => {
  const pair = generateKeyPairSync('ed25519')
  const pem = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const keys = [{ name: 'ours', pem }]
  const file = at('ext4.img')
  const manifest = await manifestOf(file)
  const signature = signManifest(
    manifest,
    pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  )
  const made = (notBefore: string, more: Partial<JudgeOptions> = {}) =>
    judge(file, { manifest, signature, keys, notBefore, ...more })
  accepted(await made('2026-01-02T03:04:05Z'))
  accepted(await made('2026-01-02T03:04:04.999Z'))
  refused(
    await made('2026-01-02T03:04:06Z'),
    /^it is older than the image that this host confirmed last \(version 3\.1 was made on 2026-01-02.*--allow-downgrade/,
  )
  // Whoever may leave the signature away may write any time.
  accepted(await made('2026-01-02T03:04:06Z', { keys: [] }))
})

/** A kernel that answers so, and does nothing. */
function loops(answers: number[]) {
  const configs: Buffer[] = []
  const io: LoopIo = {
    free: () => 0,
    configure(_device, config) {
      configs.push(Buffer.from(config))
      return answers.shift() ?? 0
    },
  }
  return { io, configs }
}

test('a loop device goes with its last holder from its first moment on', async () => {
  writeFileSync(at('backing'), 'x')
  // The node is there once one was used.
  await lookAt(at('squashfs.img'), deps)
  const { io, configs } = loops([-16, 0])
  await using device = await attachReadOnly(at('backing'), io)
  assert.is(device.path, '/dev/loop0')
  assert.is(configs.length, 2, 'another process was quicker')
  // LO_FLAGS_READ_ONLY and LO_FLAGS_AUTOCLEAR at offsetof(struct loop_config, info.lo_flags).
  assert.equal([configs[1]?.length, configs[1]?.readUInt32LE(60)], [304, 5])
  const broken = await attachReadOnly(at('backing'), loops([-22]).io).catch((e: unknown) => e)
  assert.match((broken as Error).message, 'takes no file: EINVAL')
})

test('killed at any program that it runs, it leaves no loop device', async () => {
  const file = copy('squashfs', 'killed.img')
  const script = join(import.meta.dirname, 'helpers/look-until-killed.ts')
  for (const program of ['losetup --detach', 'mount', 'umount']) {
    const { status, signal: by } = spawnSync(process.execPath, ['--no-warnings', script, file, dir, program])
    if (program.startsWith('losetup')) assert.is(status, 0, 'it is not run any more')
    else assert.is(by, 'SIGKILL', program)
    // What mount(8) had done already it leaves, and with it the device that it lies on.
    for (const name of readdirSync(dir).filter((each) => each.startsWith('image-'))) {
      spawnSync('umount', ['--lazy', at(name)])
      rmdirSync(at(name))
    }
    for (let i = 0; attached().includes(file) && i < 50; i += 1)
      await new Promise((resolve) => setTimeout(resolve, 20))
    const left = attached().includes(file)
    if (left) execFileSync('sh', ['-c', 'losetup -j "$1" | cut -d: -f1 | xargs losetup -d', 'sh', file])
    assert.not(left, program)
  }
})

test('one that is still being copied: no verdict, whatever it would be', async () => {
  for (const options of [[], ['-O', 'inline_data']]) {
    makeImage(at('case.img'), 'ext4', goodTree(), options)
    const exec: Exec = (name, args, how) => {
      poke(at('case.img'), 600, Uint8Array.of(1))
      return real(name, args, how)
    }
    const error = await judge(at('case.img'), {}, { exec }).catch((e: unknown) => e)
    assert.instance(error, LookError)
    assert.match((error as Error).message, 'while it was judged')
  }
})

test('a symbolic link to the image does as well', async () => {
  symlinkSync(at('ext4.img'), at('link.img'))
  chmodSync(at('ext4.img'), 0o600)
  accepted(await judge(at('link.img')))
})

test.run()
