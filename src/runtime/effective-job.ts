import type { Catalogue } from '../job/catalogue.ts'
import { resolveJob } from '../job/resolve.ts'
import type { ResolvedJob } from '../job/schema.ts'
import type { MachineRoot } from '../system/machine-root.ts'
import { readImageDefaults, readTrustKeys } from './job-defaults.ts'
import { fetchJobFile, type JobFileDependencies } from './job-file.ts'

export type FileDependencies = Omit<JobFileDependencies, 'keys'>

export interface JobSources {
  /** The job without its file: enough to open the log, and to know where the file is. */
  readonly first: ResolvedJob
  /** The whole job; fetches the job file, when one is named. Never throws but by the signal. */
  complete(deps: FileDependencies): Promise<ResolvedJob>
}

/** The job of a command line on top of what the image says, and of the job file between the two. */
export async function readJobSources(
  commandLine: string,
  catalogue: Catalogue,
  root: MachineRoot,
): Promise<JobSources> {
  const defaults = await readImageDefaults(root)
  const first = resolveJob(commandLine, catalogue, defaults)
  return {
    first,
    async complete(deps) {
      const { file } = first.job
      if (file.url === null) return first
      const keys = await readTrustKeys(root)
      return resolveJob(commandLine, catalogue, [...defaults, await fetchJobFile(file, { ...deps, keys })])
    },
  }
}
