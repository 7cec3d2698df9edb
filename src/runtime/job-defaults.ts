import { explainInLine } from '../errors.ts'
import { readJobDocument } from '../job/document.ts'
import type { JobSource } from '../job/source.ts'
import type { TrustKey } from '../job/trust.ts'
import type { MachineRoot } from '../system/machine-root.ts'

const DEFAULTS = '/etc/speediso/job.yaml'
const DROP_INS = '/etc/speediso/job.d'
const KEYS = '/etc/speediso/job-keys'

/** What the image says of every job: `job.yaml`, then the files of `job.d` by name; a file like a job file each. */
export async function readImageDefaults(root: MachineRoot): Promise<JobSource[]> {
  const from = 'image defaults'
  const sources: JobSource[] = []
  try {
    const names = (await root.list(DROP_INS)) ?? []
    const paths = names.filter((name) => /\.(ya?ml|json)$/.test(name)).map((name) => `${DROP_INS}/${name}`)
    for (const path of [DEFAULTS, ...paths]) {
      const text = await root.readText(path)
      if (text !== undefined && text !== '') sources.push(readJobDocument(text, from, path))
    }
  } catch (error) {
    sources.push({
      from,
      parameters: [],
      problems: [{ from, parameter: '/etc/speediso', message: explainInLine(error) }],
    })
  }
  return sources
}

/**
 * Public keys that sign job files: every file of the folder, so that a misnamed one does not switch the check off.
 * @throws ReadError when one cannot be read
 */
export async function readTrustKeys(root: MachineRoot): Promise<TrustKey[]> {
  const names = (await root.list(KEYS)) ?? []
  return Promise.all(
    names.map(async (name) => ({ name, pem: (await root.readText(`${KEYS}/${name}`)) ?? '' })),
  )
}
