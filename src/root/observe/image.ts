import { readFile } from 'node:fs/promises'
import { bootDigest } from '../candidate/boot-digest.ts'
import { findInImage } from '../candidate/in-image.ts'
import { readKernel } from '../candidate/kernel.ts'
import { type MountDeps, mountImage, NotMountedError } from '../candidate/mounted.ts'
import { parseSuperblock, readHead } from '../candidate/superblock.ts'
import { IMAGE_ENV, parseImageEnv } from '../loader/image-env.ts'
import type { ImageFacts } from '../record.ts'

/**
 * Looks into an image, without changing it.
 * @throws NotMountedError, LookError when nothing can be seen; the signal's reason
 */
export async function lookAt(file: string, deps: MountDeps): Promise<ImageFacts> {
  const superblock = parseSuperblock(await readHead(file))
  await using mounted = await mountImage(file, superblock?.type, { ...deps, unclean: true })
  const env = await readInside(mounted.root, IMAGE_ENV)
  const described = env === undefined ? undefined : parseImageEnv(env)
  const kernel = await readInside(mounted.root, '/boot/kernel')
  const read = kernel === undefined ? undefined : readKernel(kernel)
  return {
    id: described?.image ?? superblock?.uuid ?? '',
    ...(described?.version === undefined ? {} : { version: described.version }),
    ...(read === undefined ? {} : { kernelRelease: read.release }),
  }
}

/**
 * Whether an image mounts and holds the modules of its own kernel; what cannot be told speaks for it.
 * @throws LookError when nothing can be seen; the signal's reason
 */
export async function canBeRoot(file: string, deps: MountDeps): Promise<boolean> {
  const superblock = parseSuperblock(await readHead(file))
  try {
    await using mounted = await mountImage(file, superblock?.type, { ...deps, unclean: true })
    const kernel = await readInside(mounted.root, '/boot/kernel')
    const release = kernel === undefined ? undefined : readKernel(kernel)?.release
    return (
      release === undefined || (await findInImage(mounted.root, `/lib/modules/${release}`)).kind === 'folder'
    )
  } catch (error) {
    if (error instanceof NotMountedError) return false
    throw error
  }
}

/** bootDigest of an image, as it lies there. @throws as lookAt */
export async function digestBoot(file: string, deps: MountDeps): Promise<string | undefined> {
  const superblock = parseSuperblock(await readHead(file))
  await using mounted = await mountImage(file, superblock?.type, { ...deps, unclean: true })
  // Awaited here: the image is let go of at the end of this function.
  return await bootDigest(mounted.root, deps.signal)
}

async function readInside(root: string, path: string): Promise<Buffer | undefined> {
  const found = await findInImage(root, path)
  return found.kind === 'file' ? readFile(found.path) : undefined
}
