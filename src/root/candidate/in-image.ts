import { type FileHandle, lstat, open, readdir, readlink } from 'node:fs/promises'

/** What a path of an image leads to. */
export type Found =
  | { kind: 'file'; path: string; mode: number; size: number }
  | { kind: 'folder'; path: string }
  | { kind: 'missing'; why: string }

/** Linux follows no more links than that in one path (path_resolution(7)). */
const MOST_LINKS = 40

/**
 * Follows a path as a process would whose root the image is: an absolute link starts at the image's root, and `..` does
 * not lead above it. Nothing outside of it is ever looked at.
 * @param root where the image is mounted; not looked at as a link
 */
export async function findInImage(root: string, path: string): Promise<Found> {
  const todo = path.split('/')
  const done: string[] = []
  let links = 0
  let last: Awaited<ReturnType<typeof lstat>> | undefined
  while (todo.length > 0) {
    const name = todo.shift()
    if (name === undefined || name === '' || name === '.') continue
    if (last !== undefined && !last.isDirectory())
      return { kind: 'missing', why: `/${done.join('/')} is no folder` }
    if (name === '..') {
      done.pop()
      last = undefined
      continue
    }
    const here = [...done, name].join('/')
    let found: Awaited<ReturnType<typeof lstat>>
    try {
      found = await lstat(`${root}/${here}`)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error
      const through = links === 0 ? '' : `${path} is a link, and `
      return { kind: 'missing', why: `${through}there is no /${here} in the image` }
    }
    if (!found.isSymbolicLink()) {
      done.push(name)
      last = found
      continue
    }
    links += 1
    if (links > MOST_LINKS) return { kind: 'missing', why: `${path} is a link that leads in a circle` }
    const target = await readlink(`${root}/${here}`)
    if (target.startsWith('/')) done.length = 0
    last = undefined
    todo.unshift(...target.split('/'))
  }
  const real = `${root}/${done.join('/')}`
  last ??= await lstat(real)
  if (last.isFile()) return { kind: 'file', path: real, mode: Number(last.mode), size: Number(last.size) }
  if (last.isDirectory()) return { kind: 'folder', path: real }
  return { kind: 'missing', why: `/${done.join('/')} is neither a file nor a folder` }
}

/** Sorted names of a folder of the image; none when it is none. */
export async function listInImage(root: string, path: string): Promise<string[]> {
  const found = await findInImage(root, path)
  return found.kind === 'folder' ? (await readdir(found.path)).sort() : []
}

/** Opens a file that findInImage has found. */
export function openFound(found: Found & { kind: 'file' }): Promise<FileHandle> {
  return open(found.path, 'r')
}
