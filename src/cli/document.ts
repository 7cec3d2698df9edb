import { readFile } from 'node:fs/promises'
import type * as z from 'zod'
import { ReadError } from '../errors.ts'

/**
 * Reads a JSON document of ours; undefined when there is no such file.
 * @param what it is, such as `report`
 * @throws ReadError in one line when it cannot be read or is none
 */
export async function readDocument<T>(
  path: string,
  what: string,
  schema: z.ZodType<T>,
): Promise<T | undefined> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined
    throw new ReadError(`${path}: cannot be read (${cause.code})`, { facts: { cause: cause.message } })
  })
  if (text === undefined) return undefined
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    throw new ReadError(`${path}: is no ${what}: it is not JSON, or was cut off`)
  }
  const parsed = schema.safeParse(document)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  // zod's own message is all of its issues as JSON.
  throw new ReadError(
    `${path}: is no ${what}: ${placeOf(issue)}${issue?.message.replace(/^Invalid input: /, '')}`,
  )
}

function placeOf(issue: z.core.$ZodIssue | undefined): string {
  const path = issue?.path.map(String).join('.') ?? ''
  return path === '' ? '' : `${path}: `
}
