import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Cache } from '../lib/cache.ts'
import { hashValue, sha256File } from '../lib/hash.ts'
import { withTemporary } from '../lib/output.ts'
import type { Run } from '../lib/run.ts'
import type { ImageOptions } from './options.ts'
import { BASE_EPOCH, mmdebstrapArgs, repositoryLine } from './plan.ts'
import type { Recipe } from './recipe.ts'

export interface StepDependencies {
  run: Run
  cache: Cache
  /** Folder for big temporary trees. */
  temporary: string
  say: (line: string) => void
}

const RECIPE_FOLDER = dirname(fileURLToPath(import.meta.url))

/** The hash of everything that the base root is made from. */
export async function baseKey(recipe: Recipe, options: ImageOptions): Promise<string> {
  const file = (path: string) => sha256File(join(RECIPE_FOLDER, path))
  return hashValue({
    format: 1,
    arguments: mmdebstrapArgs(recipe, options, { recipeFolder: '', lists: '', target: '' }),
    repositories: await Promise.all(recipe.repositories.map(async (r) => [r.name, r.deb, await file(r.key)])),
    debs: await Promise.all(recipe.debs.map(file)),
  })
}

/** The base root as `root.tar.zst` in the cache; built when it is not there. Gives the folder. */
export async function ensureBase(
  recipe: Recipe,
  options: ImageOptions,
  key: string,
  deps: StepDependencies,
): Promise<string> {
  const entry = await deps.cache.get('base', key, async (folder) => {
    deps.say('base root: building with mmdebstrap (about 2 minutes)')
    await withTemporary(deps.temporary, async (temporary) => {
      const lists = join(temporary, 'lists')
      await mkdir(lists)
      for (const repository of recipe.repositories) {
        const extension = repository.key.endsWith('.asc') ? 'asc' : 'gpg'
        await cp(join(RECIPE_FOLDER, repository.key), join(lists, `${repository.name}.${extension}`))
        await writeFile(join(lists, `${repository.name}.list`), `${repositoryLine(repository, lists)}\n`)
      }
      const target = join(folder, 'root.tar')
      const args = mmdebstrapArgs(recipe, options, { recipeFolder: RECIPE_FOLDER, lists, target })
      await deps.run('mmdebstrap', args, {
        confined: true,
        // INITRD=No: the kernel's postinst would make an initramfs that nobody uses.
        env: { TMPDIR: temporary, SOURCE_DATE_EPOCH: String(BASE_EPOCH), INITRD: 'No' },
      })
      await deps.run('zstd', ['-3', '-T0', '--rm', '--quiet', target])
    })
  })
  if (!entry.made) deps.say('base root: from the cache')
  return entry.folder
}

/** Unpacks the base root into `root`, with its extended attributes and numeric owners. */
export async function unpackBase(base: string, root: string, run: Run): Promise<void> {
  await mkdir(root, { mode: 0o755 })
  const options = ['--extract', '--xattrs', '--xattrs-include=*', '--numeric-owner', '--same-permissions']
  await run('tar', [
    ...options,
    '--use-compress-program=zstd',
    `--file=${join(base, 'root.tar.zst')}`,
    `--directory=${root}`,
  ])
}

export interface InstalledPackage {
  name: string
  version: string
  architecture: string
}

/** The packages of a root, from dpkg's status file, by name. */
export async function installedPackages(root: string): Promise<InstalledPackage[]> {
  const status = await readFile(join(root, 'var/lib/dpkg/status'), 'utf8')
  const packages: InstalledPackage[] = []
  for (const paragraph of status.split('\n\n')) {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(paragraph)?.[1]
    const [name, version, architecture] = [field('Package'), field('Version'), field('Architecture')]
    if (field('Status') !== 'install ok installed') continue
    if (name !== undefined && version !== undefined && architecture !== undefined) {
      packages.push({ name, version, architecture })
    }
  }
  return packages.sort((a, b) => (a.name < b.name ? -1 : 1))
}
