import type { Catalogue } from './catalogue.ts'
import type { ResolvedJob } from './schema.ts'
import { commandLineSource, type JobSource } from './source.ts'
import { Words } from './words.ts'

/**
 * Works out the job of a kernel command line, and of what lies below it (lowest first). Never throws: what is wrong
 * becomes a problem, and a job with a problem holds no task. Later words win, and only what wins is checked.
 */
export function resolveJob(
  commandLine: string,
  catalogue: Catalogue,
  below: readonly JobSource[] = [],
): ResolvedJob {
  return resolveSources([...below, commandLineSource(commandLine)], catalogue)
}

/** The same from any sources, lowest first. */
export function resolveSources(sources: readonly JobSource[], catalogue: Catalogue): ResolvedJob {
  const words = new Words(catalogue)
  for (const source of sources) words.takeAll(source)
  return words.finish()
}
