import { chmod, copyFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sha256File } from '../lib/hash.ts'
import { withTemporary } from '../lib/output.ts'
import { installedPackages, type StepDependencies, unpackBase } from './base.ts'
import { kernelRelease } from './initramfs.ts'
import { checksums, type Manifest, minimalCommandLine, PARTS, type Part } from './manifest.ts'
import { squashfsArgs } from './plan.ts'
import type { Recipe } from './recipe.ts'
import { finishRoot } from './root.ts'

/** What one image is put together from. */
export interface PackInputs {
  recipe: Recipe
  /** Cache folders with root.tar.zst, and with vmlinuz and initrd.img. */
  baseFolder: string
  bootFolder: string
  overlay: string
  binary: string
  /** Key files of the recipe's repositories. */
  keys: readonly string[]
  /** Time in the file system, in seconds since 1970. */
  time: number
  facts: Pick<Manifest, 'version' | 'suite' | 'inputHash' | 'firmware'>
}

/** Writes all files of an image into the folder `target`. */
export async function packImage(
  target: string,
  inputs: PackInputs,
  deps: StepDependencies,
): Promise<Manifest> {
  for (const name of ['vmlinuz', 'initrd.img']) {
    await copyFile(join(inputs.bootFolder, name), join(target, name))
    // Whatever serves the files must be able to read them.
    await chmod(join(target, name), 0o644)
  }
  const rootFacts = await withTemporary(deps.temporary, (temporary) =>
    packRoot(join(temporary, 'root'), join(target, 'rootfs.squashfs'), inputs, deps),
  )
  const parts = await Promise.all(PARTS.map((name) => describePart(target, name)))
  const manifest: Manifest = {
    schema: 'speediso.image/1',
    ...inputs.facts,
    created: new Date().toISOString(),
    architecture: 'amd64',
    parts,
    commandLine: minimalCommandLine(parts.find((part) => part.name === 'rootfs.squashfs')?.sha256 ?? ''),
    ...rootFacts,
  }
  await writeFile(join(target, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  const own = { name: 'manifest.json', sha256: await sha256File(join(target, 'manifest.json')) }
  await writeFile(join(target, 'SHA256SUMS'), checksums([...parts, own]))
  return manifest
}

async function packRoot(root: string, file: string, inputs: PackInputs, { run }: StepDependencies) {
  const { recipe, overlay, binary, keys, facts } = inputs
  await unpackBase(inputs.baseFolder, root, run)
  await finishRoot(root, { recipe, overlay, binary, version: facts.version, repositories: keys })
  await run('mksquashfs', squashfsArgs(recipe, root, file), {
    env: { SOURCE_DATE_EPOCH: String(inputs.time) },
  })
  const used = await run('du', ['--summarize', '--bytes', root])
  return {
    packages: await installedPackages(root),
    kernelRelease: await kernelRelease(root),
    rootSize: Number.parseInt(used, 10),
  }
}

async function describePart(folder: string, name: Part['name']): Promise<Part> {
  const file = join(folder, name)
  return { name, size: (await stat(file)).size, sha256: await sha256File(file) }
}
