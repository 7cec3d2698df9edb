import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { IMAGE_ENV, parseImageEnv } from '../loader/image-env.ts'
import { findInImage } from './in-image.ts'

/**
 * SHA-256 over everything that GRUB would start of an image: its kernel, its initramfs, and the kernel arguments of its
 * own. Two images with the same one need no restart between them. Undefined: one of the files is missing.
 * @param root where the image is mounted
 */
export async function bootDigest(root: string, signal: AbortSignal): Promise<string | undefined> {
  const hash = createHash('sha256')
  for (const path of ['/boot/kernel', '/boot/initramfs']) {
    const found = await findInImage(root, path)
    if (found.kind !== 'file') return undefined
    // Where one ends and the next begins counts too.
    hash.update(`${found.size}\n`)
    await pipeline(createReadStream(found.path), hash, { end: false, signal })
  }
  const environment = await findInImage(root, IMAGE_ENV)
  const append =
    environment.kind === 'file' ? parseImageEnv(await readFile(environment.path))?.append : undefined
  return hash.update(append ?? '').digest('hex')
}
