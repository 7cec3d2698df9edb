import { networkInterfaces } from 'node:os'
import { parseCommandLine } from '../job/cmdline.ts'
import type { TemplateValues } from '../job/template.ts'
import { readHostIdentity } from '../system/identity.ts'
import { readReportingCard } from '../system/network/reporting-card.ts'
import type { CliContext } from './context.ts'

/** What the URL of a job file may ask of this machine. Nothing is read when it asks for nothing. */
export async function readTemplateValues(
  url: string | null,
  commandLine: string,
  { root, exec }: Pick<CliContext, 'root' | 'exec'>,
): Promise<TemplateValues> {
  if (url?.includes('${') !== true) {
    return { mac: undefined, uuid: undefined, serial: undefined, hostname: undefined }
  }
  const { uuid, serial, hostname } = await readHostIdentity(root, exec)
  const words = parseCommandLine(commandLine)
  const card = await readReportingCard({ root, words, addresses: networkInterfaces })
  return { mac: 'mac' in card ? card.mac : undefined, uuid, serial, hostname }
}
