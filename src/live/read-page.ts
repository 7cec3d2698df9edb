import { readFile } from 'node:fs/promises'
import { getAsset, isSea } from 'node:sea'
import * as z from 'zod'
import type { LivePage } from './answer.ts'

const pageSchema = z.object({ html: z.string(), csp: z.string() })

/** Where the build puts it: an asset of this name in the executable, this file beside the sources. */
const ASSET = 'page.json'
const FILE = new URL('../../dist/.build/page.json', import.meta.url)

/** The page that was built into this program; undefined when it runs from sources of which none was built. */
export async function readPage(file: URL | string = FILE): Promise<LivePage | undefined> {
  const text = isSea() ? getAsset(ASSET, 'utf8') : await readFile(file, 'utf8').catch(absent)
  return text === undefined ? undefined : pageSchema.parse(JSON.parse(text))
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
