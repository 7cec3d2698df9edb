import { constants, type Stats } from 'node:fs'
import { lstat, open, readdir, readFile, rm } from 'node:fs/promises'
import { posix } from 'node:path'
import { SpeedisoError } from '../../errors.ts'
import type { Place } from './list.ts'
import { keepLines, type SealStep } from './plan.ts'
import { type Needle, pickNeedle } from './remnants.ts'
import { resolveFolder } from './resolve.ts'

/** What is larger is not overwritten, in bytes: no key is. */
const SECRET_LIMIT = 16 * 2 ** 20

/**
 * Does one step, on what the plan has named and on nothing else.
 * @returns of what was secret, a piece to look for afterwards
 * @throws SpeedisoError when the place is no longer what it was, and the errors of the filesystem
 */
export async function sealStep(root: string, { action, path, kind, secret }: SealStep): Promise<Needle[]> {
  const full = `${root}/${path}`
  const parent = posix.dirname(path)
  const folder = await resolveFolder(root, parent)
  const stats = await lstat(full).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw error
  })
  // A step before has taken it with what it was in.
  if (folder === undefined || stats === undefined) return []
  if (folder !== (parent === '.' ? '' : parent) || kindOf(stats) !== kind)
    throw new SpeedisoError(`/${path} has changed since the plan was made`, {
      hint: 'is anything else writing to this image?',
    })
  const needles: Needle[] = []
  if (secret && (action.do === 'remove' || action.do === 'clear' || action.do === 'clear files'))
    await overwrite(root, path, stats.dev, needles)
  switch (action.do) {
    case 'remove':
      await rm(full, { recursive: true })
      break
    case 'clear':
      for (const name of await readdir(full)) await rm(`${full}/${name}`, { recursive: true })
      break
    case 'clear files':
      await clearFiles(full)
      break
    case 'truncate':
      await replace(full, '')
      break
    case 'set':
      await replace(full, action.text)
      break
    case 'drop lines':
      await replace(full, keepLines(await readFile(full, 'latin1'), action.matching))
  }
  return needles
}

function kindOf(stats: Stats): Place['kind'] {
  if (stats.isSymbolicLink()) return 'link'
  return stats.isDirectory() ? 'folder' : stats.isFile() ? 'file' : 'other'
}

async function clearFiles(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) await clearFiles(path)
    else await rm(path)
  }
}

/** In place: owner, mode and attributes stay, and what was there is overwritten. */
async function replace(path: string, text: string): Promise<void> {
  await using file = await open(path, constants.O_WRONLY | constants.O_NOFOLLOW)
  const { size } = await file.stat()
  await zero(file, size)
  await file.truncate(0)
  await file.write(Buffer.from(text, 'latin1'), 0, undefined, 0)
  await file.sync()
}

/** A filesystem frees blocks without clearing them, and not each free piece can be trimmed. */
async function overwrite(root: string, path: string, device: number, needles: Needle[]): Promise<void> {
  const full = `${root}/${path}`
  const stats = await lstat(full)
  if (stats.dev !== device) return
  if (stats.isDirectory()) {
    for (const name of await readdir(full)) await overwrite(root, posix.join(path, name), device, needles)
    return
  }
  if (!stats.isFile() || stats.size === 0 || stats.size > SECRET_LIMIT) return
  const needle = pickNeedle(path, await readFile(full))
  if (needle !== undefined) needles.push(needle)
  // Under its other name it would be lost as well.
  if (stats.nlink > 1) return
  await using file = await open(full, constants.O_WRONLY | constants.O_NOFOLLOW)
  await zero(file, stats.size)
  await file.datasync()
}

async function zero(file: Awaited<ReturnType<typeof open>>, size: number): Promise<void> {
  const zeros = Buffer.alloc(Math.min(size, 2 ** 20))
  for (let at = 0; at < size; at += zeros.length)
    await file.write(zeros, 0, Math.min(zeros.length, size - at), at)
}
