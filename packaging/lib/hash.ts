import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat, readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'

/** SHA-256 of a file, as hexadecimal digits. */
export async function sha256File(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash)
  return hash.digest('hex')
}

export function sha256Text(text: string | Uint8Array): string {
  return createHash('sha256').update(text).digest('hex')
}

/** JSON with sorted keys: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, v: unknown) =>
    v !== null && typeof v === 'object' && !Array.isArray(v)
      ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
      : v,
  )
}

/** SHA-256 over any plain value. */
export function hashValue(value: unknown): string {
  return sha256Text(canonicalJson(value))
}

/**
 * SHA-256 over a file tree: names, contents, link targets and whether a file is executable. Owners, times and
 * the other mode bits depend on who checked the tree out, and do not count.
 */
export async function hashTree(folder: string): Promise<string> {
  return hashValue(await listTree(folder, ''))
}

async function listTree(folder: string, prefix: string): Promise<string[]> {
  const lines: string[] = []
  const names = (await readdir(join(folder, prefix))).sort()
  for (const name of names) {
    const path = join(prefix, name)
    const file = join(folder, path)
    const info = await lstat(file)
    if (info.isDirectory()) lines.push(`d ${path}`, ...(await listTree(folder, path)))
    else if (info.isSymbolicLink()) lines.push(`l ${path} ${await readlink(file)}`)
    else lines.push(`${info.mode & 0o100 ? 'x' : 'f'} ${path} ${sha256Text(await readFile(file))}`)
  }
  return lines
}
