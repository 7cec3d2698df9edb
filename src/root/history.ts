import { appendFile, mkdir, readFile } from 'node:fs/promises'
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
  await appendFile(path, `${JSON.stringify(entry)}\n`, { flush: true })
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
