import { open, readFile } from 'node:fs/promises'
import { bootDigest } from '../candidate/boot-digest.ts'
import { findInImage } from '../candidate/in-image.ts'
import { readKernel } from '../candidate/kernel.ts'
import { type MountDeps, mountImage } from '../candidate/mounted.ts'
import { HEAD_BYTES, parseSuperblock } from '../candidate/superblock.ts'
import { IMAGE_ENV, parseImageEnv } from '../loader/image-env.ts'
import type { ImageFacts } from '../record.ts'

/**
 * Looks into an image, without changing it.
 * @throws NotMountedError, LookError when nothing can be seen; the signal's reason
 */
export async function lookAt(file: string, deps: MountDeps): Promise<ImageFacts> {
  const superblock = await readHead(file)
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

/** bootDigest of an image, as it lies there. @throws as lookAt */
export async function digestBoot(file: string, deps: MountDeps): Promise<string | undefined> {
  const superblock = await readHead(file)
  await using mounted = await mountImage(file, superblock?.type, { ...deps, unclean: true })
  // Awaited here: the image is let go of at the end of this function.
  return await bootDigest(mounted.root, deps.signal)
}

async function readHead(file: string) {
  await using handle = await open(file, 'r')
  const head = Buffer.alloc(HEAD_BYTES)
  await handle.read(head, 0, head.length, 0)
  return parseSuperblock(head)
}

async function readInside(root: string, path: string): Promise<Buffer | undefined> {
  const found = await findInImage(root, path)
  return found.kind === 'file' ? readFile(found.path) : undefined
}
