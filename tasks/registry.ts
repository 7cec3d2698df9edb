import type { TaskRegistry } from '../src/runtime/task.ts'

/** Every task of this build. Each is loaded only when it is asked for. */
export const registry: TaskRegistry = {
  inventory: async () => (await import('./inventory/task.ts')).inventory,
  wipe: async () => (await import('./wipe/task.ts')).wipe,
}
