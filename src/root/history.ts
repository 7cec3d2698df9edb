import { mkdir, open, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import * as z from 'zod'
import { OWN_FOLDER } from './names.ts'

/** One line of the history of a host's root images. */
export const historySchema = z.object({
  time: z.string(),
  occasion: z.string(),
  outcome: z.string(),
  version: z.string().optional(),
  sha256: z.string().optional(),
  messages: z.array(z.string()),
})
export type HistoryEntry = z.infer<typeof historySchema>

const FILE = `${OWN_FOLDER}/history.ndjson`

/** Adds a line. @throws an error of the disk: what happened has happened all the same */
export async function addHistory(hostpart: string, entry: HistoryEntry): Promise<void> {
  const path = join(hostpart, FILE)
  await mkdir(dirname(path), { recursive: true })
  await using file = await open(path, 'a+')
  const { size } = await file.stat()
  const last = Buffer.alloc(1)
  if (size > 0) await file.read(last, 0, 1, size - 1)
  // What a power cut has torn is not to take this line with it.
  const head = size === 0 || last[0] === 0x0a ? '' : '\n'
  await file.writeFile(`${head}${JSON.stringify(entry)}\n`)
  await file.sync()
}

/** Oldest first; a line that a power cut has torn is left out. */
export async function readHistory(hostpart: string): Promise<HistoryEntry[]> {
  const text = await readFile(join(hostpart, FILE), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  return text.split('\n').flatMap((line) => {
    try {
      return [historySchema.parse(JSON.parse(line))]
    } catch {
      return []
    }
  })
}
