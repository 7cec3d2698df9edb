import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { jsonSchemas } from './schemas.ts'

/** Writes `NAME.schema.json` for every document; returns how many. */
export async function writeSchemas(folder: string): Promise<number> {
  await mkdir(folder, { recursive: true })
  const schemas = jsonSchemas()
  for (const [name, schema] of schemas) {
    const path = join(folder, `${name}.schema.json`)
    await writeFile(`${path}.new`, `${JSON.stringify(schema, null, 2)}\n`)
    await rename(`${path}.new`, path)
  }
  return schemas.size
}
