import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { baseKey } from '../../packaging/image/base.ts'
import { requireKeyring } from '../../packaging/image/build.ts'
import { bootKey } from '../../packaging/image/initramfs.ts'
import {
  checksums,
  commandLine,
  type Manifest,
  minimalCommandLine,
  PARTS,
  readManifest,
  verifyImage,
} from '../../packaging/image/manifest.ts'
import { type ImageOptions, parseOptions } from '../../packaging/image/options.ts'
import {
  dracutArgs,
  ext4Args,
  ext4Size,
  mmdebstrapArgs,
  repositoryLine,
  squashfsArgs,
} from '../../packaging/image/plan.ts'
import type { Recipe } from '../../packaging/image/recipe.ts'
import { recipes } from '../../packaging/image/recipes.ts'
import { copyOverlay } from '../../packaging/image/root.ts'
import { budgetProblems, sizeTable } from '../../packaging/image/sizes.ts'
import { writeCpio } from '../../packaging/lib/cpio.ts'
import { BuildError, UsageError } from '../../packaging/lib/errors.ts'
import { sha256Text } from '../../packaging/lib/hash.ts'

const parse = (...args: string[]) => parseOptions(args, '/project', recipes)
const recipe = recipes.live

function options(...args: string[]): ImageOptions {
  const found = parse(...args)
  if (found === undefined) throw new Error('help')
  return found
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'image-plan-'))
  try {
    await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

test('options: defaults', () => {
  const found = options()
  assert.is(found.flavour, 'live')
  assert.is(found.kernel, 'linux-image-amd64')
  assert.is(found.suite, 'trixie')
  assert.is(found.mirror, undefined)
  assert.is(found.binary, '/project/dist/speediso')
  assert.is(found.output, '/project/dist/image')
  assert.equal(found.firmware, recipe.defaultFirmware)
  assert.is(parse('--help'), undefined)
})

test('options: given', () => {
  const found = options(
    '--mirror=http://m/debian',
    '--suite',
    'forky',
    '--binary',
    '/b',
    '--output',
    '/o',
    '--cache',
    '/c',
  )
  assert.equal(found, {
    ...found,
    mirror: 'http://m/debian',
    suite: 'forky',
    binary: '/b',
    output: '/o',
    cache: '/c',
  })
  assert.equal(options('--firmware', 'none').firmware, [])
  assert.equal(options('--firmware', 'qlogic,bnx2,bnx2').firmware, ['bnx2', 'qlogic'])
  assert.equal(options('--firmware', 'firmware-netxen').firmware, ['firmware-netxen'])
})

for (const [args, wanted] of [
  [['--frimware', 'none'], /--frimware/],
  [['--firmware', 'bnx3'], /--firmware bnx3: not known; sets are bnx2, bnx2x/],
  [['--firmware', ''], /--firmware: the value is empty/],
  [['--firmware'], /--firmware/],
  [['--mirror', 'mirror.example'], /--mirror mirror.example: not a URL/],
  [['--suite', 'a b'], /--suite a b/],
  [['--suite', '../x'], /--suite/],
  [['--flavour', 'rooot'], /--flavour rooot: not known; it is live or root/],
  [['--kernel', 'vmlinuz'], /--kernel vmlinuz: not a Debian package of a kernel/],
  [['extra'], /extra/],
] as [string[], RegExp][]) {
  test(`options: refuses ${args.join(' ')}`, () => {
    assert.throws(
      () => parse(...args),
      (error: unknown) =>
        error instanceof UsageError && wanted.test(error.message) && !error.message.includes('\n'),
    )
  })
}

const paths = { recipeFolder: '/r', lists: '/l', target: '/t/root.tar' }

test('mmdebstrap: no mirror unless asked, non-free-firmware only with firmware', () => {
  const plain = mmdebstrapArgs(recipe, options('--firmware', 'none'), paths)
  assert.equal(plain.slice(-2), ['trixie', '/t/root.tar'])
  assert.ok(plain.includes('--components=main'))
  assert.is(
    plain.some((arg) => arg.includes('firmware-')),
    false,
  )
  const full = mmdebstrapArgs(recipe, options('--firmware', 'bnx2', '--mirror', 'http://m/d'), paths)
  assert.equal(full.slice(-3), ['trixie', '/t/root.tar', 'http://m/d'])
  assert.ok(full.includes('--components=main,non-free-firmware'))
  assert.ok(full.find((arg) => arg.startsWith('--include='))?.endsWith(',firmware-bnx2'))
  assert.ok(full.includes('--dpkgopt=path-exclude=/usr/lib/modules/*/kernel/sound/*'))
})

test('mmdebstrap: repositories and local packages', () => {
  const repository = {
    name: 'acme',
    deb: 'deb  https://acme.example/debian trixie main',
    key: 'keys/acme.asc',
  }
  const own: Recipe = { ...recipe, repositories: [repository], debs: ["it's/a.deb"] }
  const args = mmdebstrapArgs(own, options(), paths)
  assert.ok(args.includes('--setup-hook=copy-in /l/acme.list /etc/apt/sources.list.d'))
  assert.ok(args.some((arg) => arg.includes(`cp '/r/it'\\''s/a.deb' "$1/var/tmp/local.deb"`)))
  assert.is(
    repositoryLine(repository, '/etc/apt/keyrings'),
    'deb [signed-by=/etc/apt/keyrings/acme.asc] https://acme.example/debian trixie main',
  )
})

test('dracut: one network backend, our fetch, no compression inside', () => {
  const args = dracutArgs(recipe, '6.1', '/f')
  const after = (name: string) => args[args.indexOf(name) + 1]?.split(' ') ?? []
  assert.ok(after('--add').includes('speediso-fetch'))
  assert.ok(after('--add').includes('systemd-networkd'))
  assert.ok(after('--omit').includes('network-legacy'))
  assert.equal(
    after('--add').filter((name) => after('--omit').includes(name)),
    [],
  )
  assert.ok(args.includes('--no-compress'))
  assert.is(args.at(-1), '/f')
})

test('options: the root flavour has its own output folder, and any kernel', () => {
  const found = options('--flavour', 'root', '--kernel', 'linux-image-cloud-amd64')
  assert.is(found.output, '/project/dist/image-root')
  const packages = (recipe: Recipe, from: ImageOptions) =>
    mmdebstrapArgs(recipe, from, paths)
      .find((arg) => arg.startsWith('--include='))
      ?.slice('--include='.length)
      .split(',')
  const chosen = packages(recipes.root, found) ?? []
  assert.ok(chosen.includes('linux-image-cloud-amd64'))
  assert.not.ok(chosen.includes('linux-image-amd64'))
  assert.ok(packages(recipes.root, options('--flavour', 'root'))?.includes('linux-image-amd64'))
})

test('recipes: each has its kernel among its packages, and modules that it does not omit', () => {
  for (const [flavour, one] of Object.entries(recipes)) {
    assert.is(one.flavour, flavour)
    assert.ok(one.packages.includes(one.kernel))
    const { modules, omitModules } = one.initramfs
    assert.equal(
      modules.filter((name) => omitModules.includes(name)),
      [],
    )
  }
  assert.ok(recipes.root.initramfs.omitModules.includes('speediso-fetch'))
  assert.not.ok(recipes.live.overlays.includes('image-overlay-root'))
  assert.not.ok(recipes.root.overlays.includes('image-overlay'))
})

test('ext4: room for the tree, as many files again, and what is to be free', () => {
  const MIB = 1024 * 1024
  const plain = ext4Size({ bytes: 400 * MIB, inodes: 10_000 }, 0)
  assert.ok(plain.size >= 400 * MIB + 64 * MIB)
  assert.is(plain.size % MIB, 0)
  assert.is(plain.inodes, 20_000)
  assert.ok(ext4Size({ bytes: 400 * MIB, inodes: 10_000 }, 100 * MIB).size >= plain.size + 100 * MIB)
})

test('ext4: only the features of the recipe, none by default', () => {
  const { pack } = recipes.root
  assert.is(pack.kind, 'ext4')
  if (pack.kind !== 'ext4') return
  const facts = { root: '/r', file: '/f.img', uuid: 'u', size: 2048 * 1024, inodes: 7 }
  const args = ext4Args(pack, facts)
  const after = (name: string) => args[args.indexOf(name) + 1]
  assert.ok(after('-O')?.startsWith('none,has_journal,'))
  // What GRUB 2.06 refuses (grub-core/fs/ext2.c, EXT2_DRIVER_SUPPORTED_INCOMPAT).
  for (const feature of ['inline_data', 'casefold', 'ea_inode'])
    assert.not.ok(pack.features.includes(feature))
  assert.equal([after('-U'), after('-L'), after('-N'), after('-d')], ['u', 'hn-root', '7', '/r'])
  assert.equal(args.slice(-2), ['/f.img', '2048k'])
})

test('cpio: the archive is what cpio itself unpacks, and the same each time', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'program')
    const archives = [join(folder, 'a.cpio'), join(folder, 'b.cpio')] as const
    // Lengths around the padding to 4 bytes.
    for (const length of [0, 1, 2, 3, 4, 5000]) {
      await writeFile(file, Buffer.alloc(length, 'x'))
      for (const archive of archives) {
        await rm(archive, { force: true })
        await writeCpio(archive, { name: 'usr/bin/thing', file, mode: 0o755 })
      }
      const [bytes, again] = await Promise.all(archives.map((archive) => readFile(archive)))
      assert.ok(bytes !== undefined && again !== undefined && bytes.equals(again))
      assert.is(bytes.length % 4, 0)
      assert.is(bytes.toString('latin1', 0, 6), '070701')
      const field = (index: number) =>
        Number.parseInt(bytes.toString('latin1', 6 + 8 * index, 14 + 8 * index), 16)
      assert.equal([field(1), field(6), field(11)], [0o100755, length, 'usr/bin/thing'.length + 1])
      const start = Math.ceil((110 + field(11)) / 4) * 4
      assert.is(bytes.toString('latin1', start, start + length), 'x'.repeat(length))
      const end = start + Math.ceil(length / 4) * 4
      assert.is(bytes.toString('latin1', end + 110, end + 120), 'TRAILER!!!')
    }
  }))

test('squashfs: compression as in the recipe', () => {
  if (recipe.pack.kind !== 'squashfs') throw new Error('the live image is a squashfs')
  const args = squashfsArgs(recipe.pack, '/root', '/file')
  assert.equal(args.slice(0, 2), ['/root', '/file'])
  assert.ok(args.join(' ').includes('-comp zstd -Xcompression-level 19 -b 256K'))
})

test('keys: every input of the base and of the initramfs counts', () =>
  inFolder(async (folder) => {
    const overlay = join(folder, 'overlay')
    const module = join(overlay, 'usr/lib/dracut/modules.d/85x')
    await mkdir(module, { recursive: true })
    await writeFile(join(module, 'm.sh'), 'one')
    const plain = options()
    const base = await baseKey(recipe, plain)
    assert.is(await baseKey(recipe, { ...plain, output: '/elsewhere', binary: '/b', cache: '/c' }), base)
    const others = await Promise.all([
      baseKey(recipe, { ...plain, suite: 'forky' }),
      baseKey(recipe, { ...plain, mirror: 'http://m/d' }),
      baseKey(recipe, { ...plain, firmware: [] }),
      baseKey({ ...recipe, packages: [...recipe.packages, 'htop'] }, plain),
      baseKey({ ...recipe, excludes: [...recipe.excludes, '/x'] }, plain),
      baseKey({ ...recipe, modulePrunes: recipe.modulePrunes.slice(1) }, plain),
      baseKey({ ...recipe, mustRun: [] }, plain),
      // A file of the recipe's folder stands in for a local package.
      baseKey({ ...recipe, debs: ['recipe.ts'] }, plain),
    ])
    assert.is(new Set([base, ...others]).size, others.length + 1)

    const boot = await bootKey(recipe, base, [overlay])
    await writeFile(join(overlay, 'etc-file'), 'outside of the initramfs')
    assert.is(await bootKey(recipe, base, [overlay]), boot)
    await writeFile(join(module, 'm.sh'), 'two')
    const changed = await bootKey(recipe, base, [overlay])
    const fewer = { ...recipe.initramfs, drivers: recipe.initramfs.drivers.slice(1) }
    const keys = [boot, changed, await bootKey({ ...recipe, initramfs: fewer }, base, [overlay])]
    keys.push(await bootKey(recipe, sha256Text('another base'), [overlay]))
    assert.is(new Set(keys).size, 4)
  }))

test('a build host without the keys of Debian is told before anything is fetched', () =>
  inFolder(async (folder) => {
    const keyring = join(folder, 'keyring.gpg')
    const error = await requireKeyring(keyring).catch((reason: unknown) => reason)
    assert.instance(error, BuildError)
    assert.is((error as BuildError).message, `${keyring}: cannot be read`)
    assert.is((error as BuildError).hint, 'apt-get install debian-archive-keyring')
    await writeFile(keyring, '')
    await requireKeyring(keyring)
  }))

const sum = sha256Text('x')
const manifest: Manifest = {
  schema: 'speediso.image/1',
  version: 'v1+b1',
  created: '2025-01-01T00:00:00.000Z',
  architecture: 'amd64',
  suite: 'trixie',
  kernelRelease: '6.12',
  inputHash: sum,
  parts: PARTS.map((name) => ({ name, size: 1, sha256: sum })),
  rootSize: 1,
  firmware: [],
  commandLine: minimalCommandLine(sum),
  packages: [{ name: 'a', version: '1', architecture: 'all' }],
}

test('command line: minimal, with the base put in', () => {
  assert.is(
    commandLine(manifest, 'http://h/images/v1/'),
    `root=live:http://h/images/v1/rootfs.squashfs speediso.sha256=${sum}`,
  )
})

test('budget: inside, and over', () => {
  const sized = (root: number, initrd: number): Manifest => ({
    ...manifest,
    parts: [
      { name: 'vmlinuz', size: 12_000_000, sha256: sum },
      { name: 'initrd.img', size: initrd, sha256: sum },
      { name: 'rootfs.squashfs', size: root, sha256: sum },
    ],
  })
  assert.equal(budgetProblems(recipe.budget, sized(200_000_000, 33_000_000)), [])
  assert.equal(budgetProblems(recipe.budget, sized(200_000_001, 33_000_001)).length, 2)
  assert.match(
    sizeTable(recipe.budget, sized(250_000_000, 1)).join('\n'),
    /rootfs.squashfs +250.0 MB of 200.0 MB: OVER/,
  )
})

test('verifyImage: whole, changed, missing, not listed', () =>
  inFolder(async (folder) => {
    for (const name of PARTS) await writeFile(join(folder, name), name)
    await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest))
    const sums = [...PARTS.map((name) => ({ name, sha256: sha256Text(name) }))]
    assert.equal(await verifyImage(folder), ['SHA256SUMS is missing'])
    await writeFile(join(folder, 'SHA256SUMS'), checksums(sums))
    assert.equal(await verifyImage(folder), ['manifest.json is not in SHA256SUMS'])
    sums.push({ name: 'manifest.json' as never, sha256: sha256Text(JSON.stringify(manifest)) })
    await writeFile(join(folder, 'SHA256SUMS'), checksums(sums))
    assert.equal(await verifyImage(folder), [])
    assert.equal(await readManifest(folder), manifest)
    await writeFile(join(folder, 'rootfs.squashfs'), 'damaged')
    await rm(join(folder, 'vmlinuz'))
    assert.equal(await verifyImage(folder), [
      'vmlinuz is missing',
      'rootfs.squashfs does not match SHA256SUMS',
    ])
    await writeFile(join(folder, 'manifest.json'), '{"schema":"speediso.image/1"}')
    let refused = false
    await readManifest(folder).catch(() => (refused = true))
    assert.is(refused, true)
  }))

test('copyOverlay: links in the way are replaced, not followed; modes are made plain', () =>
  inFolder(async (folder) => {
    const [from, to] = [join(folder, 'from'), join(folder, 'to')]
    await mkdir(join(from, 'etc/new'), { recursive: true })
    await mkdir(join(to, 'etc'), { recursive: true })
    await writeFile(join(folder, 'outside'), 'untouched')
    await symlink(join(folder, 'outside'), join(to, 'etc/a'))
    await writeFile(join(from, 'etc/a'), 'new', { mode: 0o600 })
    await writeFile(join(from, 'etc/new/run'), '#!', { mode: 0o700 })
    await symlink('/dev/null', join(from, 'etc/masked'))
    await writeFile(join(to, 'etc/kept'), 'kept')
    await copyOverlay(from, to)
    assert.equal((await readdir(join(to, 'etc'))).sort(), ['a', 'kept', 'masked', 'new'])
    assert.is(await readFile(join(folder, 'outside'), 'utf8'), 'untouched')
    assert.is((await stat(join(to, 'etc/a'))).mode & 0o777, 0o644)
    assert.is((await stat(join(to, 'etc/new/run'))).mode & 0o777, 0o755)
    assert.is(await readlink(join(to, 'etc/masked')), '/dev/null')
  }))

test.run()
