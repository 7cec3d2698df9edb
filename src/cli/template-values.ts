import type { TemplateValues } from '../job/template.ts'
import { type HostIdentity, readHostIdentity } from '../system/identity.ts'
import type { CliContext } from './context.ts'

/** What the URL of a job file may ask of this machine; nothing is read when it asks for nothing. */
export async function templateValues(
  url: string | null,
  commandLine: string,
  { root, exec }: Pick<CliContext, 'root' | 'exec'>,
  known?: HostIdentity,
): Promise<TemplateValues> {
  const nothing = { mac: undefined, uuid: undefined, serial: undefined, hostname: undefined }
  if (url === null || !url.includes('${')) return nothing
  const { uuid, serial, hostname } = known ?? (await readHostIdentity(root, exec))
  return { mac: undefined, uuid, serial, hostname }
}
