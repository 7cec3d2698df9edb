import {
  chmod,
  chown,
  copyFile,
  glob,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Recipe } from './recipe.ts'

/** Turns an unpacked base root into the root of the image: strip, overlay, program, version. */
export async function finishRoot(
  root: string,
  parts: {
    recipe: Recipe
    overlays: readonly string[]
    binary: string
    version: string
    repositories: readonly string[]
  },
): Promise<void> {
  const { recipe } = parts
  for await (const path of glob(recipe.strip as string[], { cwd: root })) {
    await rm(join(root, path), { recursive: true, force: true })
  }
  // Empty, not missing: systemd then makes up an id for this boot without taking it for the first one.
  await writeFile(join(root, 'etc/machine-id'), '')
  for (const overlay of parts.overlays) await copyOverlay(overlay, root)
  await moveRepositoryKeys(root, parts.repositories)
  await install(parts.binary, join(root, 'usr/bin/speediso'), 0o755)
  await stamp(root, parts.version, recipe)
  // Younger than /usr: systemd then need not bring /etc and /var up to date at every boot.
  for (const folder of ['etc', 'var']) await writeFile(join(root, folder, '.updated'), '')
  for (const path of recipe.folders) await mkdir(join(root, path), { recursive: true, mode: 0o755 })
  for (const [path, mode] of Object.entries(recipe.modes)) await chmod(join(root, path), mode)
}

/** Copies a tree over another one; owner root, and of the modes only whether a file is executable. */
export async function copyOverlay(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = join(from, entry.name)
    const target = join(to, entry.name)
    if (entry.isDirectory()) {
      if ((await lstat(target).catch(() => undefined)) === undefined) {
        await mkdir(target)
        await chmod(target, 0o755)
      }
      await copyOverlay(source, target)
    } else if (entry.isSymbolicLink()) {
      await rm(target, { force: true })
      await symlink(await readlink(source), target)
    } else {
      await install(source, target, (await lstat(source)).mode & 0o100 ? 0o755 : 0o644)
    }
  }
}

async function install(source: string, target: string, mode: number): Promise<void> {
  await mkdir(dirname(target), { recursive: true })
  // A link in the way would otherwise be written through.
  await rm(target, { force: true })
  await copyFile(source, target)
  if (process.getuid?.() === 0) await chown(target, 0, 0)
  await chmod(target, mode)
}

/** Makes the lists of further repositories name their keys where they lie in the image. */
async function moveRepositoryKeys(root: string, keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    const name = key.slice(key.lastIndexOf('/') + 1)
    await install(key, join(root, 'etc/apt/keyrings', name), 0o644)
    const list = join(root, 'etc/apt/sources.list.d', `${name.replace(/\.(asc|gpg)$/, '')}.list`)
    const text = await readFile(list, 'utf8')
    await writeFile(list, text.replace(/\[signed-by=[^\]]*\]/, `[signed-by=/etc/apt/keyrings/${name}]`))
  }
}

async function stamp(root: string, version: string, { title: kind, motd: advice }: Recipe): Promise<void> {
  const file = join(root, 'usr/lib/os-release')
  const release = await readFile(file, 'utf8')
  const system = /^PRETTY_NAME="?([^"\n]*)/m.exec(release)?.[1] ?? 'Linux'
  const lines = ['IMAGE_ID=speediso', `IMAGE_VERSION="${version}"`, 'DEFAULT_HOSTNAME=speediso']
  await writeFile(file, `${release.trimEnd()}\n${lines.join('\n')}\n`)
  // systemd lets no clock be earlier than this file; without it, than its own release.
  await writeFile(join(root, 'usr/lib/clock-epoch'), '')
  const title = `speediso ${version} (${kind} on ${system})`
  await writeFile(join(root, 'etc/motd'), `${title}\n${advice}\n`)
  await writeFile(join(root, 'etc/issue'), `${title} \\n \\l\n\n`)
  await writeFile(join(root, 'etc/issue.net'), `${title}\n`)
}
