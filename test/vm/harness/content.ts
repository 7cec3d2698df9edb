import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'

const CHUNK = 64 * 1024

/** Something that can be served: a file, or bytes at hand. */
export type Content = { file: string } | { body: string | Uint8Array }

/** An opened content. */
export interface Source {
  size: number
  /** A strong validator: it changes with the content. */
  etag: string
  read(start: number, end: number): AsyncIterable<Uint8Array>
}

/** @returns undefined when there is no such file */
export async function openContent(content: Content): Promise<Source | undefined> {
  if ('body' in content) {
    const bytes = typeof content.body === 'string' ? Buffer.from(content.body) : content.body
    return {
      size: bytes.length,
      etag: `"${createHash('sha256').update(bytes).digest('hex').slice(0, 32)}"`,
      async *read(start, end) {
        for (let from = start; from < end; from += CHUNK)
          yield bytes.subarray(from, Math.min(from + CHUNK, end))
      },
    }
  }
  const { file } = content
  const facts = await stat(file).catch(() => undefined)
  if (facts === undefined || !facts.isFile()) return undefined
  return {
    size: facts.size,
    etag: `"${facts.ino.toString(16)}-${facts.size.toString(16)}-${facts.mtimeMs.toString(16)}"`,
    read: (start, end) => (end <= start ? none() : createReadStream(file, { start, end: end - 1 })),
  }
}

/** The file of a folder that a URL path names; undefined when it would lie outside of it. */
export async function fileOf(dir: string, path: string): Promise<Content | undefined> {
  try {
    const root = await realpath(dir)
    const file = await realpath(join(root, path))
    return file.startsWith(root + sep) ? { file } : undefined
  } catch {
    return undefined
  }
}

async function* none(): AsyncGenerator<Uint8Array> {}
