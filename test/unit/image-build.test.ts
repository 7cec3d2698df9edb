import { mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  buildImage,
  HOST_TOOLS,
  type ImageResult,
  PACK_TOOLS,
  requireKeyring,
} from '../../packaging/image/build.ts'
import { verifyImage } from '../../packaging/image/manifest.ts'
import type { ImageOptions } from '../../packaging/image/options.ts'
import type { Flavour, Recipe } from '../../packaging/image/recipe.ts'
import { recipes } from '../../packaging/image/recipes.ts'
import { BuildError } from '../../packaging/lib/errors.ts'
import { createRun, type Run, requireTools } from '../../packaging/lib/run.ts'

interface Bench {
  options: ImageOptions
  /** Steps that were really done. */
  done: string[]
  build(deps?: {
    recipe?: Recipe
    flavour?: Flavour
    number?: string
    signal?: AbortSignal
    breakAt?: string
  }): Promise<ImageResult>
}

const FILES: Record<string, string> = {
  'usr/lib/os-release': 'PRETTY_NAME="Debian test"\n',
  'usr/lib/modules/6.12-test/modules.dep': '',
  'usr/bin/sh': '',
  'boot/vmlinuz-6.12-test': 'kernel',
  'etc/ssh/ssh_host_ed25519_key': 'a secret of the build',
  'etc/machine-id': '0123',
  'var/log/apt/history.log': 'x',
  'var/lib/dpkg/status':
    'Package: zz\nStatus: install ok installed\nArchitecture: all\nVersion: 2\n\nPackage: aa\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\nPackage: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n',
}

/** A bench on which mmdebstrap and dracut are played by a tiny root; tar, zstd and mksquashfs are real. */
async function onBench(work: (bench: Bench) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'image-build-'))
  const mini = join(folder, 'mini')
  for (const [path, text] of Object.entries(FILES)) {
    await mkdir(join(mini, path, '..'), { recursive: true })
    await writeFile(join(mini, path), text)
  }
  for (const path of ['root', 'var/tmp', 'usr/lib/dracut/modules.d'])
    await mkdir(join(mini, path), { recursive: true })
  const binary = join(folder, 'speediso')
  await writeFile(binary, '\x7fELF program')
  const options: ImageOptions = {
    ...{ flavour: 'live', kernel: 'linux-image-amd64', suite: 'trixie' },
    ...{ mirror: undefined, firmware: [], refresh: false },
    ...{ binary, output: join(folder, 'out'), cache: join(folder, 'cache') },
  }
  const done: string[] = []
  const player = (breakAt: string | undefined, log: string, signal?: AbortSignal): Run => {
    const real = createRun(log, signal)
    return async (tool, args, runOptions) => {
      const name = tool === 'sh' ? 'dracut' : tool === binary ? 'speediso' : tool
      done.push(name)
      if (name === breakAt) return real('sh', ['-c', `echo ${name} says no >&2; exit 9`])
      if (name === 'mmdebstrap') return real('tar', ['-cf', args.at(-1) ?? '', '-C', mini, '.'])
      if (name === 'dracut') {
        await writeFile(join(args[1] ?? '', args[2] ?? ''), 'initramfs')
        return ''
      }
      if (name === 'speediso') {
        // The tiny root has no kernel that could be sealed; its id stays.
        const { stdout } = await execa('debugfs', ['-R', 'cat /boot/speediso.env', args[2] ?? ''])
        const image = /^image=(.*)$/m.exec(stdout)?.[1]
        await writeFile(args[args.indexOf('--manifest') + 1] ?? '', JSON.stringify({ image }))
        if (args.includes('--pack')) await writeFile(`${args[2]}.chunks`, '')
        return ''
      }
      return real(tool, args, runOptions)
    }
  }
  const build: Bench['build'] = async (deps = {}) => {
    done.length = 0
    return buildImage(
      { ...options, flavour: deps.flavour ?? 'live' },
      {
        say: () => undefined,
        env: deps.number === undefined ? {} : { BUILD_NUMBER: deps.number },
        createRun: (log, signal) => player(deps.breakAt, log, signal),
        ...(deps.recipe === undefined ? {} : { recipe: deps.recipe }),
        ...(deps.signal === undefined ? {} : { signal: deps.signal }),
      },
    )
  }
  try {
    await work({ options, done, build })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function failure(work: Promise<unknown>): Promise<BuildError> {
  const error = await work.then(
    () => undefined,
    (e: unknown) => e,
  )
  assert.instance(error, BuildError)
  return error as BuildError
}

const visible = async (folder: string) =>
  (await readdir(folder)).filter((name) => name !== '.build-number').sort()

const missing = await requireTools({ ...HOST_TOOLS, ...PACK_TOOLS.squashfs, ...PACK_TOOLS.ext4 })
  .then(() => requireKeyring())
  .catch((error: unknown) => error as BuildError)
const reason = missing?.message ?? (process.getuid?.() === 0 ? undefined : 'needs root')
const check = reason === undefined ? test : test.skip
if (reason !== undefined) console.error(`skipped: ${reason}`)

check('a build is whole, stamped and stripped; the same inputs are reused whatever the version', () =>
  onBench(async (bench) => {
    const { output } = bench.options
    const first = await bench.build({ number: '7' })
    assert.is(first.reused, false)
    assert.match(first.manifest.version, /\+b7$/)
    assert.equal(await verifyImage(first.folder), [])
    assert.is(await readlink(join(output, 'current')), first.manifest.version)
    assert.equal(await visible(output), [first.manifest.version, 'current'].sort())
    assert.is(first.manifest.kernelRelease, '6.12-test')
    assert.equal(
      first.manifest.packages.map((p) => p.name),
      ['aa', 'zz'],
    )
    const cat = async (path: string) =>
      (await execa('unsquashfs', ['-cat', join(first.folder, 'rootfs.squashfs'), path])).stdout
    assert.ok((await cat('usr/lib/os-release')).includes(`IMAGE_VERSION="${first.manifest.version}"`))
    assert.ok((await cat('etc/motd')).includes(first.manifest.version))
    assert.is(await cat('etc/machine-id'), '')
    assert.ok((await cat('usr/bin/speediso')).endsWith('ELF program'))
    const list = (await execa('unsquashfs', ['-ll', join(first.folder, 'rootfs.squashfs')])).stdout
    assert.not.match(list, /ssh_host|history\.log|vmlinuz/)
    assert.match(list, /^drwx------.*squashfs-root\/root\/\.ssh$/m)
    assert.match(list, /multi-user\.target\.wants\/speediso\.service/)
    assert.match(list, /usr\/lib\/clock-epoch$/m)

    const second = await bench.build({ number: '8' })
    assert.is(second.reused, true)
    assert.is(second.folder, first.folder)
    assert.equal(bench.done, [])
  }),
)

check('a changed binary redoes only the root; a damaged image is not reused', () =>
  onBench(async (bench) => {
    const first = await bench.build()
    await writeFile(bench.options.binary, '\x7fELF other program')
    const second = await bench.build()
    assert.is(second.reused, false)
    assert.is.not(second.manifest.inputHash, first.manifest.inputHash)
    assert.is(bench.done.includes('mmdebstrap') || bench.done.includes('dracut'), false)
    await writeFile(join(second.folder, 'rootfs.squashfs'), 'damaged')
    const third = await bench.build()
    assert.is(third.reused, false)
    assert.is(third.manifest.inputHash, second.manifest.inputHash)
    assert.equal(await verifyImage(third.folder), [])
    assert.is(await readlink(join(bench.options.output, 'current')), third.manifest.version)
  }),
)

for (const step of ['mmdebstrap', 'dracut', 'zstd', 'mksquashfs']) {
  check(`a failure of ${step} names it and leaves nothing`, () =>
    onBench(async (bench) => {
      const error = await failure(bench.build({ breakAt: step }))
      assert.is(error.message, 'sh ended with exit code 9')
      assert.equal(await visible(bench.options.output), [])
      assert.equal(await readdir(join(bench.options.cache, 'work')), [])
      assert.match(
        await readFile(join(bench.options.cache, 'image.log'), 'utf8'),
        new RegExp(`${step} says no`),
      )
      const again = await bench.build()
      assert.equal(await verifyImage(again.folder), [])
    }),
  )
}

check('over the budget is an error that leaves nothing and keeps what was current', () =>
  onBench(async (bench) => {
    const first = await bench.build()
    await writeFile(bench.options.binary, '\x7fELF bigger program')
    const error = await failure(
      bench.build({ recipe: { ...recipes.live, budget: { boot: 45e6, root: 10 } } }),
    )
    assert.match(error.message, /over its budget: rootfs\.squashfs .* at most 0\.0 MB/)
    assert.equal(await visible(bench.options.output), [first.manifest.version, 'current'].sort())
  }),
)

check('an abort leaves nothing', () =>
  onBench(async (bench) => {
    const abort = new AbortController()
    abort.abort(new BuildError('interrupted'))
    assert.is((await failure(bench.build({ signal: abort.signal }))).message, 'interrupted')
    assert.equal(await visible(bench.options.output), [])
  }),
)

check('the output folder keeps the newest images, and folders of others', () =>
  onBench(async (bench) => {
    await mkdir(join(bench.options.output, 'mine'), { recursive: true })
    for (const text of ['a', 'b', 'c', 'd', 'e']) {
      await writeFile(bench.options.binary, `\x7fELF ${text}`)
      await bench.build({ number: text })
    }
    const names = await visible(bench.options.output)
    assert.equal(
      names.filter((name) => name.includes('+b')).map((name) => name.slice(-1)),
      ['c', 'd', 'e'],
    )
    assert.ok(names.includes('mine'))
  }),
)

check('the same BUILD_NUMBER never replaces another image', () =>
  onBench(async (bench) => {
    const first = await bench.build({ number: '1' })
    await writeFile(bench.options.binary, '\x7fELF other')
    assert.match((await failure(bench.build({ number: '1' }))).message, /is there already/)
    assert.equal(await verifyImage(first.folder), [])
    assert.match((await failure(bench.build({ number: '../x' }))).message, /BUILD_NUMBER=/)
  }),
)

check('a root image holds its kernel, its initramfs with the program, and its id, and GRUB reads them', () =>
  onBench(async (bench) => {
    const { folder, manifest } = await bench.build({ flavour: 'root', number: '1' })
    const image = join(folder, 'hn-root.img')
    const parts = manifest.parts.map((part) => part.name)
    assert.equal(parts, ['vmlinuz', 'initrd.img', 'hn-root.img'])
    assert.equal(await verifyImage(folder, parts), [])
    const sums = await readFile(join(folder, 'SHA256SUMS'), 'utf8')
    for (const beside of ['json', 'chunks']) assert.match(sums, `  hn-root.img.${beside}\n`)
    const id = manifest.imageId ?? ''
    const { stdout } = await execa('dumpe2fs', ['-h', image])
    assert.match(stdout, new RegExp(`Filesystem UUID: +${id}\n`))
    const cat = async (path: string) => (await execa('debugfs', ['-R', `cat ${path}`, image])).stdout
    const environment = await cat('/boot/speediso.env')
    assert.is(environment.length, 1024)
    assert.match(environment, `\nimage=${id}\nversion=${manifest.version}\n`)
    assert.is(await cat('/boot/vmlinuz-6.12-test'), 'kernel')
    const list = (await execa('debugfs', ['-R', 'ls -l /boot', image])).stdout
    assert.match(list, / kernel$/m)
    assert.match(list, / initramfs$/m)
    assert.is(await cat('/etc/machine-id'), '')
    assert.match((await execa('debugfs', ['-R', 'stat /hostpart', image])).stdout, /Type: directory/)
    assert.not.match((await execa('debugfs', ['-R', 'ls /etc/ssh', image])).stdout, /ssh_host/)
    // dracut's part first, as it was made; then the archive with the program.
    const initramfs = await readFile(join(folder, 'initrd.img'))
    const { stdout: unpacked } = await execa('zstd', ['-dc', join(folder, 'initrd.img')])
    assert.match(unpacked, /^initramfs070701.*usr\/bin\/speediso.*ELF program.*TRAILER!!!/s)
    const inside = join(bench.options.cache, 'inside')
    await execa('grub-fstest', [image, 'cp', '(loop0)/boot/initramfs', inside])
    assert.ok((await readFile(inside)).equals(initramfs))

    const second = await bench.build({ flavour: 'root', number: '2' })
    assert.is(second.reused, true)
    await writeFile(bench.options.binary, '\x7fELF other program')
    const third = await bench.build({ flavour: 'root', number: '3' })
    assert.is(bench.done.includes('mmdebstrap') || bench.done.includes('dracut'), false)
    assert.is.not(third.manifest.imageId, id)
  }),
)

for (const step of ['mke2fs', 'e2fsck', 'grub-fstest', 'grub-editenv', 'speediso']) {
  check(`a failure of ${step} leaves no root image`, () =>
    onBench(async (bench) => {
      assert.instance(await failure(bench.build({ flavour: 'root', breakAt: step })), BuildError)
      assert.equal(await visible(bench.options.output), [])
    }),
  )
}

check('refuses what is no executable', () =>
  onBench(async (bench) => {
    await writeFile(bench.options.binary, '#!/bin/sh\n')
    assert.match((await failure(bench.build())).message, /speediso: not a Linux executable/)
    await rm(bench.options.binary)
    assert.match((await failure(bench.build())).hint ?? '', /npm run build/)
  }),
)

test.run()
