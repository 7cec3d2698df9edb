import { cp, readdir, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeCpio } from '../lib/cpio.ts'
import { BuildError } from '../lib/errors.ts'
import { hashTree, hashValue, sha256File } from '../lib/hash.ts'
import { withTemporary } from '../lib/output.ts'
import { type StepDependencies, unpackBase } from './base.ts'
import { dracutArgs } from './plan.ts'
import type { Recipe } from './recipe.ts'

const SCRIPT = join(dirname(fileURLToPath(import.meta.url)), 'in-root.sh')
/** The part of the overlay that goes into the initramfs. */
const DRACUT = 'usr/lib/dracut'
const FILE = '/var/tmp/initrd.img'

/** The hash of everything that kernel and initramfs are made from; the program is put to it later. */
export async function bootKey(recipe: Recipe, base: string, overlays: readonly string[]): Promise<string> {
  return hashValue({
    format: 1,
    base,
    arguments: dracutArgs(recipe, '', FILE),
    modules: await Promise.all(overlays.map((overlay) => hashTree(join(overlay, DRACUT)))),
    same: recipe.initramfs.same,
    script: await sha256File(SCRIPT),
  })
}

/** `vmlinuz` and `initrd.img` in the cache; made when they are not there. Gives the folder. */
export async function ensureBoot(
  recipe: Recipe,
  key: string,
  overlays: readonly string[],
  base: string,
  deps: StepDependencies,
): Promise<string> {
  const entry = await deps.cache.get('boot', key, async (folder) => {
    deps.say('initramfs: building with dracut (about half a minute)')
    await withTemporary(deps.temporary, (temporary) =>
      makeBoot(recipe, base, overlays, temporary, folder, deps),
    )
  })
  if (!entry.made) deps.say('kernel and initramfs: from the cache')
  return entry.folder
}

async function makeBoot(
  recipe: Recipe,
  base: string,
  overlays: readonly string[],
  temporary: string,
  folder: string,
  { run }: StepDependencies,
): Promise<void> {
  const root = join(temporary, 'root')
  await unpackBase(base, root, run)
  const release = await kernelRelease(root)
  for (const overlay of overlays) await cp(join(overlay, DRACUT), join(root, DRACUT), { recursive: true })
  const same = Object.entries(recipe.initramfs.same).map(([inside, outside]) => `${inside}=${outside}`)
  const args = [SCRIPT, root, FILE, same.join(' '), ...dracutArgs(recipe, release, FILE)]
  await run('sh', args, { confined: true })
  await rename(join(root, 'boot', `vmlinuz-${release}`), join(folder, 'vmlinuz'))
  // Of the two compressors that unpack fast in the kernel, the one that packs tighter.
  await run('zstd', ['-19', '-T0', '--quiet', join(root, FILE), '-o', join(folder, 'initrd.img')])
}

/** @throws BuildError when the root holds no kernel, or several */
export async function kernelRelease(root: string): Promise<string> {
  const releases = await readdir(join(root, 'usr/lib/modules')).catch(() => [])
  const [release] = releases
  if (release === undefined || releases.length > 1) {
    throw new BuildError(
      `the root holds ${releases.length} kernels (${releases.join(', ') || 'none'}), wanted one`,
      {
        hint: 'see the packages of the recipe in packaging/image, and --kernel',
      },
    )
  }
  return release
}

/**
 * The archive `program.cpio.zst` in the cache, made when it is not there: an initramfs may be several archives one after
 * the other (Linux, Documentation/driver-api/early-userspace/buffer-format.rst), so that a changed program needs no dracut.
 */
export async function ensureProgram(binary: string, { cache, run, say }: StepDependencies): Promise<string> {
  const key = hashValue({ format: 1, binary: await sha256File(binary) })
  const entry = await cache.get('program', key, async (folder) => {
    say('initramfs: packing the program (about a minute)')
    const archive = join(folder, 'program.cpio')
    await writeCpio(archive, { name: 'usr/bin/speediso', file: binary, mode: 0o755 })
    await run('zstd', ['-19', '-T0', '--rm', '--quiet', archive])
  })
  return join(entry.folder, 'program.cpio.zst')
}
