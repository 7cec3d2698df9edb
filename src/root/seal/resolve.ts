import { posix } from 'node:path'
import { findInImage } from '../candidate/in-image.ts'

/**
 * A folder of the image by the path that no link stands in, below the root and without a leading slash; the empty text
 * is the root itself. Links are followed as for a process whose root the image is, so that none leads out of it.
 */
export async function resolveFolder(root: string, path: string): Promise<string | undefined> {
  if (path === '' || path === '.' || path === '/') return ''
  const found = await findInImage(root, path)
  return found.kind === 'folder'
    ? posix.normalize(found.path.slice(root.length)).replace(/^\/+|\/+$/g, '')
    : undefined
}
