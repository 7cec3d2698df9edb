import type { Progress, View } from './view.ts'

/** 0 to 100; undefined when the whole is not known. */
export function percentOf({ done, total }: Progress): number | undefined {
  return total > 0 ? Math.min(100, Math.max(0, (100 * done) / total)) : undefined
}

/** Of the running step that is furthest from its end; undefined when none tells. */
export function lowestPercent({ tasks }: View): number | undefined {
  const all = tasks
    .flatMap(({ steps }) => steps)
    .flatMap(({ state, progress }) =>
      state === 'running' && progress !== undefined ? [percentOf(progress)] : [],
    )
    .filter((percent) => percent !== undefined)
  return all.length === 0 ? undefined : Math.min(...all)
}
