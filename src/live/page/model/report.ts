import type { Report } from '../../../runtime/report.ts'
import { type InventoryDocument, isInventory } from './inventory.ts'

/** What the page shows of a report; the whole of it can be downloaded. */
export type ShownReport = Pick<
  Report,
  'verdict' | 'reason' | 'problems' | 'tasks' | 'started' | 'ended' | 'seconds' | 'kernel' | 'image' | 'host'
>

/** The report in a text, or undefined when it is none. */
export function parseReport(text: string): ShownReport | undefined {
  try {
    const document = JSON.parse(text) as Report
    return document?.schema === 'speediso.report/1' && Array.isArray(document.tasks) ? document : undefined
  } catch {
    return undefined
  }
}

/** The inventory that the job has made, if it has. */
export function inventoryOf({ tasks }: ShownReport): InventoryDocument | undefined {
  return tasks.map(({ result }) => result).find(isInventory)
}

/** Name of the file to download it to: host and time, so that those of many hosts lie beside each other. */
export function reportFileName({ host, ended }: ShownReport): string {
  const safe = `${host.hostId}-${ended}`.replaceAll(/[^\w.-]/g, '-')
  return `speediso-report-${safe}.json`
}
