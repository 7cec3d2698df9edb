import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Writes a JSON document so that a reader sees the old one or the new one whole, also after a power cut. */
export async function writeDocument(path: string, document: unknown, mode = 0o644): Promise<void> {
  await writeText(path, `${JSON.stringify(document, null, 2)}\n`, mode)
}

/** The same of any text. The folder must be there: one that is being removed must not come back. */
export async function writeText(path: string, text: string, mode: number): Promise<void> {
  const temporary = `${path}.new`
  try {
    await using file = await open(temporary, 'w', mode)
    await file.writeFile(text)
    await file.sync()
  } catch (error) {
    // What is half there only takes the room of others.
    await rm(temporary, { force: true })
    throw error
  }
  await rename(temporary, path)
  await using directory = await open(dirname(path), 'r')
  await directory.sync()
}
