import type * as z from 'zod'

/** What the job has to know of a task to check what is asked of it. */
export interface TaskFacts {
  destructive: boolean
  /** Milliseconds. */
  timeout: number
  options: z.ZodObject
}

/** Every task that this build knows, by name. */
export type Catalogue = ReadonlyMap<string, TaskFacts>

/** Not a task that runs: the plain live system. */
export const RESCUE = 'rescue'

/** Whether an option is never shown: its schema says `.meta({ secret: true })`, at whatever depth of wrapping. */
export function isSecretOption(task: TaskFacts, key: string): boolean {
  let schema: unknown = task.options.shape[key]
  while (schema !== undefined) {
    if ((schema as z.ZodType).meta()?.secret === true) return true
    const def = (schema as { def: { innerType?: unknown; in?: unknown } }).def
    schema = def.innerType ?? def.in
  }
  return false
}
