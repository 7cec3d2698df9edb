import { createHash } from 'node:crypto'
import { open, readFile } from 'node:fs/promises'
import { findInImage } from '../candidate/in-image.ts'
import { readKernel } from '../candidate/kernel.ts'
import { type MountDeps, mountImage } from '../candidate/mounted.ts'
import { HEAD_BYTES, parseSuperblock } from '../candidate/superblock.ts'
import { IMAGE_ENV, parseImageEnv } from '../loader/image-env.ts'
import type { ImageFacts } from '../record.ts'

/** What an image on hostpart is, as it lies there. */
export interface LookedAt {
  facts: ImageFacts
  /** SHA-256 of its kernel; absent when it has none that can be read. */
  kernelSha256?: string
}

/**
 * Looks into an image, without changing it.
 * @throws NotMountedError, LookError when nothing can be seen; the signal's reason
 */
export async function lookAt(file: string, deps: MountDeps): Promise<LookedAt> {
  const superblock = await readHead(file)
  await using mounted = await mountImage(file, superblock?.type, { ...deps, unclean: true })
  const env = await readInside(mounted.root, IMAGE_ENV)
  const described = env === undefined ? undefined : parseImageEnv(env)
  const kernel = await readInside(mounted.root, '/boot/kernel')
  const read = kernel === undefined ? undefined : readKernel(kernel)
  return {
    facts: {
      id: described?.image ?? superblock?.uuid ?? '',
      ...(described?.version === undefined ? {} : { version: described.version }),
      ...(read === undefined ? {} : { kernelRelease: read.release }),
    },
    ...(kernel === undefined ? {} : { kernelSha256: createHash('sha256').update(kernel).digest('hex') }),
  }
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
