import { readFile } from 'node:fs/promises'
import { explainInLine } from '../errors.ts'
import type { Catalogue } from '../job/catalogue.ts'
import { readJobDocument } from '../job/document.ts'
import { resolveJob } from '../job/resolve.ts'
import type { Job, ResolvedJob } from '../job/schema.ts'
import type { JobSource } from '../job/source.ts'
import type { TrustKey } from '../job/trust.ts'
import type { MachineRoot } from '../system/machine-root.ts'
import { writeText } from '../system/write-file.ts'
import { readImageDefaults, readTrustKeys } from './job-defaults.ts'
import { fetchJobFile, type JobFileDependencies } from './job-file.ts'

export interface FileDependencies extends Omit<JobFileDependencies, 'keys' | 'keep'> {
  /**
   * Where the file is kept for the rest of this boot, secrets and all. One that lies there is taken in place of the
   * server's: what was begun goes by it, and a server may give a job out only once.
   */
  copy?: string
}

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
      if (first.job.file.url === null) return first
      const file = (await readCopy(deps)) ?? (await fetchFile(first.job.file, root, deps))
      return resolveJob(commandLine, catalogue, [...defaults, file])
    },
  }
}

async function readCopy({ copy, say }: FileDependencies): Promise<JobSource | undefined> {
  if (copy === undefined) return undefined
  const text = await readFile(copy, 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  say('info', `job file: as it was read before (${copy})`)
  return readJobDocument(text, 'job file', copy)
}

async function fetchFile(
  file: Job['file'],
  root: MachineRoot,
  { copy, ...deps }: FileDependencies,
): Promise<JobSource> {
  let keys: TrustKey[]
  try {
    keys = await readTrustKeys(root)
  } catch (error) {
    const problem = { parameter: 'speediso.job', message: `keys of the image: ${explainInLine(error)}` }
    return { from: 'job file', parameters: [], problems: [problem] }
  }
  const keep = async (text: string) => {
    if (copy === undefined) return
    await writeText(copy, text, 0o600).catch((error: unknown) =>
      deps.say('warning', `job file: cannot be kept for a restart: ${explainInLine(error)}`),
    )
  }
  return fetchJobFile(file, { ...deps, keys, keep })
}
