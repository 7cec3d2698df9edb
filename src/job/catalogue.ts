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

/** Whether an option is never shown: its schema says `.meta({ secret: true })`. */
export function isSecretOption(task: Pick<TaskFacts, 'options'>, key: string): boolean {
  return hasMeta(task, key, 'secret')
}

/** Whether an option without a value means `yes`: its schema says `.meta({ flag: true })`. */
export function isFlagOption(task: Pick<TaskFacts, 'options'>, key: string): boolean {
  return hasMeta(task, key, 'flag')
}

/** Whether a flag may name a file that holds the value: its schema says `.meta({ file: true })`. */
export function isFileOption(task: Pick<TaskFacts, 'options'>, key: string): boolean {
  return hasMeta(task, key, 'file')
}

/** At whatever depth of wrapping. */
function hasMeta(task: Pick<TaskFacts, 'options'>, key: string, name: 'secret' | 'flag' | 'file'): boolean {
  let schema: unknown = task.options.shape[key]
  while (schema !== undefined) {
    if ((schema as z.ZodType).meta()?.[name] === true) return true
    const def = (schema as { def: { innerType?: unknown; in?: unknown } }).def
    schema = def.innerType ?? def.in
  }
  return false
}
