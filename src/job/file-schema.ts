import * as z from 'zod'
import type { Catalogue } from './catalogue.ts'
import { JOB_FILE_SCHEMA, VALUE_NAMES } from './document.ts'
import { JOB_PARAMETERS } from './parameters.ts'

const plain = z.union([z.string(), z.number(), z.boolean()])
const value = (description: string) => z.union([plain, z.array(plain)]).describe(description)

/** A name of the job file, and what is below it. */
interface Entry {
  value?: z.ZodType
  below: Map<string, Entry>
}

/**
 * What a job file may hold, for editors and for those who write one; speediso itself reads it as readJobDocument says,
 * and judges its values as those of the command line.
 */
export function jobFileSchema(catalogue: Catalogue): z.ZodType {
  const root: Entry = { below: new Map() }
  const put = (path: string, description: string) => {
    let entry = root
    for (const name of path.split('.')) {
      const next = entry.below.get(name) ?? { below: new Map() }
      entry.below.set(name, next)
      entry = next
    }
    entry.value = value(description)
  }
  put('schema', JOB_FILE_SCHEMA)
  put('tasks', `the tasks, in order: ${[...catalogue.keys()].join(', ')}`)
  for (const { name, form } of JOB_PARAMETERS) {
    const path = name.slice('speediso.'.length)
    // A job file cannot name another.
    if (path === 'job' || path.startsWith('job.')) continue
    put(path, form)
    for (const [long, short] of Object.entries(VALUE_NAMES)) if (short === path) put(long, form)
  }
  for (const [task, facts] of catalogue) {
    put(`${task}.timeout`, 'DURATION, such as 90s or 24h')
    for (const [key, schema] of Object.entries(facts.options.shape))
      put(`${task}.${key}`, (schema as z.ZodType).description ?? key)
  }
  return toSchema(root) ?? z.never()
}

function toSchema({ value: own, below }: Entry): z.ZodType | undefined {
  if (below.size === 0) return own
  const shape: Record<string, z.ZodType> = {}
  for (const [name, entry] of below) shape[name] = (toSchema(entry) ?? z.never()).optional()
  const group = z.strictObject(shape)
  return own === undefined ? group : z.union([own, group])
}
