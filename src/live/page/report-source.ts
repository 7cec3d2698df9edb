import { REPORT } from './model/addresses.ts'
import { backoff } from './model/backoff.ts'
import { parseReport, type ShownReport } from './model/report.ts'

export type ReportState =
  | { readonly name: 'none' | 'loading' }
  | { readonly name: 'there'; readonly text: string; readonly report: ShownReport }
  | { readonly name: 'failed'; readonly why: string }

/** The report is written just after the event that ends the job; so often is it asked for. */
const TRIES = 8

/** Fetches the report of a job that has ended; null: aborted. */
export async function fetchReport(
  origin: string,
  token: string,
  deps: { fetch: typeof fetch; random(): number },
  signal: AbortSignal,
): Promise<ReportState | null> {
  let why = ''
  for (let failures = 1; !signal.aborted; failures += 1) {
    try {
      const headers = { authorization: `Bearer ${token}` }
      const answer = await deps.fetch(new URL(REPORT, origin), { headers, cache: 'no-store', signal })
      const text = await answer.text()
      const report = answer.ok ? parseReport(text) : undefined
      if (report !== undefined) return { name: 'there', text, report }
      why = answer.ok
        ? 'what the server gives is no report'
        : answer.status === 404
          ? 'the server has none; the log says why, if it could not be written'
          : `the server answers ${answer.status}`
    } catch {
      why = 'the host does not answer'
    }
    if (failures === TRIES) break
    await new Promise((resolve) => setTimeout(resolve, backoff(failures, deps.random)))
  }
  return signal.aborted ? null : { name: 'failed', why }
}
