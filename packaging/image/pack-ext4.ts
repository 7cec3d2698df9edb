import { randomUUID } from 'node:crypto'
import { chmod, copyFile, mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Run } from '../lib/run.ts'
import { ext4Args, ext4Size } from './plan.ts'
import type { Pack } from './recipe.ts'

/** What a root image is made from. */
export interface RootParts {
  /** The finished root, without what belongs in its /boot. */
  root: string
  /** The image to make. */
  file: string
  boot: { kernel: string; initramfs: string; release: string }
  version: string
}

/**
 * Puts kernel, initramfs and the image's own id into /boot, makes the filesystem image, and has GRUB read it.
 * @returns the image's id
 * @throws ToolError also when the filesystem is not clean, or GRUB reads another kernel or initramfs out of it
 */
export async function packExt4(
  pack: Extract<Pack, { kind: 'ext4' }>,
  { root, file, boot, version }: RootParts,
  run: Run,
): Promise<string> {
  const id = randomUUID()
  await fillBoot(root, boot)
  const environment = join(root, 'boot/speediso.env')
  await run('grub-editenv', [environment, 'create'])
  await run('grub-editenv', [environment, 'set', `image=${id}`, `version=${version}`])
  await run('mke2fs', ext4Args(pack, { root, file, uuid: id, ...(await measure(root, pack.free, run)) }))
  // Every block of it, as a host cannot repair a root that it mounts read-only.
  await run('e2fsck', ['-f', '-n', file])
  for (const [name, wanted] of [
    ['kernel', boot.kernel],
    ['initramfs', boot.initramfs],
    ['speediso.env', environment],
  ] as const) {
    await run('grub-fstest', [file, 'cmp', `(loop0)/boot/${name}`, wanted])
  }
  return id
}

/** /boot with the names that boot loaders know: `kernel` and `initramfs`, links to the files of this release. */
async function fillBoot(root: string, { kernel, initramfs, release }: RootParts['boot']): Promise<void> {
  const folder = join(root, 'boot')
  await mkdir(folder, { recursive: true })
  for (const [link, name, source] of [
    ['kernel', `vmlinuz-${release}`, kernel],
    ['initramfs', `initrd.img-${release}`, initramfs],
  ] as const) {
    await copyFile(source, join(folder, name))
    await chmod(join(folder, name), 0o644)
    await symlink(name, join(folder, link))
  }
}

/** Size and inodes for the tree. */
async function measure(root: string, free: number, run: Run): Promise<{ size: number; inodes: number }> {
  const bytes = Number.parseInt(await run('du', ['--summarize', '--block-size=1', root]), 10)
  const inodes = Number.parseInt(await run('du', ['--summarize', '--inodes', root]), 10)
  return ext4Size({ bytes, inodes }, free)
}
