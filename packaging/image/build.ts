import { constants } from 'node:fs'
import { access, mkdir, open, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openCache } from '../lib/cache.ts'
import { BuildError } from '../lib/errors.ts'
import { hashTree, hashValue, sha256File } from '../lib/hash.ts'
import { withLock } from '../lib/lock.ts'
import { pointLink, writeFolder } from '../lib/output.ts'
import { createRun, type Run, requireTools } from '../lib/run.ts'
import { buildVersion, checkBuildNumber, nextBuildNumber, sourceVersion } from '../lib/version.ts'
import { baseKey, ensureBase, type StepDependencies } from './base.ts'
import { bootKey, ensureBoot, ensureProgram } from './initramfs.ts'
import type { Manifest } from './manifest.ts'
import type { ImageOptions } from './options.ts'
import { packImage } from './pack.ts'
import { BASE_EPOCH } from './plan.ts'
import type { Recipe } from './recipe.ts'
import { recipes } from './recipes.ts'
import { budgetProblems, sizeTable } from './sizes.ts'
import { dropOldImages, findImage } from './store.ts'

export interface ImageDependencies {
  say: (line: string) => void
  signal?: AbortSignal
  /** In place of the flavour's own. */
  recipe?: Recipe
  /** BUILD_NUMBER is read from here. */
  env?: NodeJS.ProcessEnv
  /** Makes the runner of programs from the file that keeps their output. */
  createRun?: (log: string, signal?: AbortSignal) => Run
}

export interface ImageResult {
  folder: string
  manifest: Manifest
  /** Nothing was built: the folder held an image of the same inputs. */
  reused: boolean
}

/** Program of the build host -> Debian and Ubuntu package. */
export const HOST_TOOLS = {
  mmdebstrap: 'mmdebstrap',
  zstd: 'zstd',
  tar: 'tar',
  unshare: 'util-linux',
  setpriv: 'util-linux',
  'apt-get': 'apt',
} as const

/** The same for one way to pack the root. */
export const PACK_TOOLS = {
  squashfs: { mksquashfs: 'squashfs-tools' },
  ext4: {
    mke2fs: 'e2fsprogs',
    e2fsck: 'e2fsprogs',
    'grub-fstest': 'grub-common',
    'grub-editenv': 'grub-common',
  },
} as const

/** What mmdebstrap checks the archive's signature with. */
const DEBIAN_KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'

const PROJECT = join(dirname(fileURLToPath(import.meta.url)), '../..')
/** Finished images that stay in the output folder. */
const KEPT_IMAGES = 3

/**
 * Builds an image, or finds one of the same inputs in the output folder. A failed or aborted build leaves nothing
 * behind but the cache and its log.
 * @throws BuildError and its kinds
 */
export async function buildImage(options: ImageOptions, deps: ImageDependencies): Promise<ImageResult> {
  const recipe = deps.recipe ?? recipes[options.flavour]
  await requireTools({ ...HOST_TOOLS, ...PACK_TOOLS[recipe.pack.kind] })
  await requireKeyring()
  if (process.getuid?.() !== 0)
    throw new BuildError('building an image needs root', { hint: 'run it with sudo' })
  await checkBinary(options.binary)
  await mkdir(options.cache, { recursive: true })
  await mkdir(options.output, { recursive: true })
  return withLock(join(options.cache, 'image.lock'), () => build(recipe, options, deps), deps)
}

/** @throws BuildError when this host cannot check what Debian has signed, as Ubuntu without that package */
export async function requireKeyring(keyring = DEBIAN_KEYRING): Promise<void> {
  await access(keyring, constants.R_OK).catch((cause: unknown) => {
    throw new BuildError(`${keyring}: cannot be read`, {
      hint: 'apt-get install debian-archive-keyring',
      cause,
    })
  })
}

async function checkBinary(binary: string): Promise<void> {
  const head = Buffer.alloc(4)
  try {
    await access(binary, constants.R_OK)
    const file = await open(binary, 'r')
    await file.read(head, 0, 4, 0).finally(() => file.close())
  } catch (error) {
    throw new BuildError(`${binary}: cannot be read`, { hint: 'npm run build makes it', cause: error })
  }
  if (head.toString('latin1') !== '\x7fELF') throw new BuildError(`${binary}: not a Linux executable`)
}

const overlaysOf = (recipe: Recipe) => recipe.overlays.map((folder) => join(PROJECT, folder))

/** Sources of the last step, which no other hash stands for. */
const PACK_SOURCES = ['root.ts', 'pack.ts', 'pack-ext4.ts']

/** The hashes that say whether a step has to be done again; none of them knows of the version. */
async function inputKeys(recipe: Recipe, options: ImageOptions) {
  const base = await baseKey(recipe, options)
  const boot = await bootKey(recipe, base, overlaysOf(recipe))
  const steps = await Promise.all(PACK_SOURCES.map((file) => sha256File(join(import.meta.dirname, file))))
  const image = hashValue({
    boot,
    steps,
    binary: await sha256File(options.binary),
    overlays: await Promise.all(overlaysOf(recipe).map(hashTree)),
    finish: [
      recipe.strip,
      recipe.folders,
      recipe.modes,
      recipe.pack,
      recipe.title,
      recipe.motd,
      recipe.initramfs.program,
    ],
  })
  return { base, boot, image }
}

async function build(recipe: Recipe, options: ImageOptions, deps: ImageDependencies): Promise<ImageResult> {
  const { say, signal } = deps
  const keys = await inputKeys(recipe, options)
  const found = options.refresh ? undefined : await findImage(options.output, keys.image, say)
  if (found !== undefined) {
    say(`image ${found.manifest.version}: nothing changed, reused`)
    await pointLink(join(options.output, 'current'), basename(found.folder))
    for (const line of sizeTable(recipe.budget, found.manifest)) say(line)
    return { ...found, reused: true }
  }

  const log = join(options.cache, 'image.log')
  await writeFile(log, '')
  const steps: StepDependencies = {
    run: (deps.createRun ?? createRun)(log, signal),
    cache: openCache(options.cache),
    temporary: join(options.cache, 'work'),
    say,
  }
  if (options.refresh) {
    for (const entry of [`base/${keys.base}`, `boot/${keys.boot}`]) {
      await rm(join(options.cache, entry), { recursive: true, force: true })
    }
  }
  const baseFolder = await ensureBase(recipe, options, keys.base, steps)
  const bootFolder = await ensureBoot(recipe, keys.boot, overlaysOf(recipe), baseFolder, steps)

  const program = recipe.initramfs.program ? [await ensureProgram(options.binary, steps)] : []

  const source = await sourceVersion(PROJECT, await packageVersion())
  const given = deps.env?.BUILD_NUMBER ?? ''
  const number = given === '' ? await nextBuildNumber(options.output) : checkBuildNumber(given)
  const version = buildVersion(source.describe, number)
  const folder = join(options.output, version)
  say(`root: packing ${version} (about a minute and a half)`)
  const manifest = await writeFolder(folder, async (target) => {
    const inputs = {
      ...{ recipe, baseFolder, bootFolder, overlays: overlaysOf(recipe), binary: options.binary },
      initramfs: [join(bootFolder, 'initrd.img'), ...program],
      keys: recipe.repositories.map((r) => join(import.meta.dirname, r.key)),
      time: source.commitTime ?? BASE_EPOCH,
      facts: { version, suite: options.suite, inputHash: keys.image, firmware: [...options.firmware] },
    }
    const packed = await packImage(target, inputs, steps)
    for (const line of sizeTable(recipe.budget, packed)) say(line)
    const problems = budgetProblems(recipe.budget, packed)
    if (problems.length > 0) {
      throw new BuildError(`the image is over its budget: ${problems.join('; ')}`, {
        hint: 'fewer packages or firmware (the recipe in packaging/image, --firmware)',
      })
    }
    signal?.throwIfAborted()
    return packed
  })
  await pointLink(join(options.output, 'current'), version)
  await dropOldImages(options.output, version, KEPT_IMAGES)
  say(`image: ${folder}`)
  return { folder, manifest, reused: false }
}

async function packageVersion(): Promise<string> {
  const text = await readFile(join(PROJECT, 'package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
