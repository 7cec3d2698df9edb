import type { Catalogue } from '../job/catalogue.ts'
import type { TaskRegistry } from './task.ts'

/** What the job has to know of every task; loads them all, so only for commands that need it. */
export async function loadCatalogue(registry: TaskRegistry): Promise<Catalogue> {
  const tasks = await Promise.all(Object.values(registry).map((load) => load()))
  return new Map(
    tasks.map(({ name, destructive, timeout, options }) => [name, { destructive, timeout, options }]),
  )
}
