import { appendFile, chmod, copyFile, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sha256File } from '../lib/hash.ts'
import { withTemporary } from '../lib/output.ts'
import type { Run } from '../lib/run.ts'
import { installedPackages, type StepDependencies, unpackBase } from './base.ts'
import { kernelRelease } from './initramfs.ts'
import {
  BOOT_PARTS,
  checksums,
  type Manifest,
  minimalCommandLine,
  type Part,
  ROOT_COMMAND_LINE,
} from './manifest.ts'
import { packExt4 } from './pack-ext4.ts'
import { squashfsArgs } from './plan.ts'
import type { Recipe } from './recipe.ts'
import { finishRoot } from './root.ts'

/** What one image is put together from. */
export interface PackInputs {
  recipe: Recipe
  /** Cache folders with root.tar.zst, and with vmlinuz. */
  baseFolder: string
  bootFolder: string
  /** The archives that make the initramfs, one after the other. */
  initramfs: readonly string[]
  overlays: readonly string[]
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
  const { pack } = inputs.recipe
  await copyFile(join(inputs.bootFolder, 'vmlinuz'), join(target, 'vmlinuz'))
  for (const archive of inputs.initramfs)
    await appendFile(join(target, 'initrd.img'), await readFile(archive))
  // Whatever serves the files must be able to read them.
  for (const name of BOOT_PARTS) await chmod(join(target, name), 0o644)
  const rootFacts = await withTemporary(deps.temporary, (temporary) =>
    packRoot(join(temporary, 'root'), target, inputs, deps),
  )
  const parts = await Promise.all([...BOOT_PARTS, pack.file].map((name) => describePart(target, name)))
  const rootSha256 = parts.at(-1)?.sha256 ?? ''
  const manifest: Manifest = {
    schema: 'speediso.image/1',
    ...inputs.facts,
    created: new Date().toISOString(),
    architecture: 'amd64',
    parts,
    commandLine: pack.kind === 'squashfs' ? minimalCommandLine(rootSha256) : ROOT_COMMAND_LINE,
    ...rootFacts,
  }
  await writeFile(join(target, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  const described = [
    'manifest.json',
    ...(pack.kind === 'ext4' ? [`${pack.file}.json`, `${pack.file}.chunks`] : []),
  ]
  const sums = await Promise.all(
    described.map(async (name) => ({ name, sha256: await sha256File(join(target, name)) })),
  )
  await writeFile(join(target, 'SHA256SUMS'), checksums([...parts, ...sums]))
  return manifest
}

async function packRoot(root: string, target: string, inputs: PackInputs, { run }: StepDependencies) {
  const { recipe, overlays, binary, keys, facts, time } = inputs
  const { pack } = recipe
  await unpackBase(inputs.baseFolder, root, run)
  await finishRoot(root, { recipe, overlays, binary, version: facts.version, repositories: keys })
  const release = await kernelRelease(root)
  const file = join(target, pack.file)
  let own: Pick<Manifest, 'imageId'> = {}
  if (pack.kind === 'squashfs') {
    await run('mksquashfs', squashfsArgs(pack, root, file), { env: { SOURCE_DATE_EPOCH: String(time) } })
  } else {
    const boot = { kernel: join(target, 'vmlinuz'), initramfs: join(target, 'initrd.img'), release }
    await packExt4(pack, { root, file, boot, version: facts.version }, run)
    own = { imageId: await sealImage(file, facts.version, binary, run) }
  }
  const used = await run('du', ['--summarize', '--bytes', root])
  return {
    ...own,
    packages: await installedPackages(root),
    kernelRelease: release,
    rootSize: Number.parseInt(used, 10),
  }
}

/** Seals it as any other image of a host, which also gives it its id, and writes manifest and pack beside it. */
async function sealImage(file: string, version: string, binary: string, run: Run): Promise<string> {
  const described = `${file}.json`
  await run(binary, ['root', 'seal', file, '--image-version', version, '--manifest', described, '--pack'])
  return (JSON.parse(await readFile(described, 'utf8')) as { image: string }).image
}

async function describePart(folder: string, name: Part['name']): Promise<Part> {
  const file = join(folder, name)
  return { name, size: (await stat(file)).size, sha256: await sha256File(file) }
}
