import type { Outcome } from '../../exit.ts'
import { type HistoryEntry, readHistory } from '../../root/history.ts'
import { type CliContext, printJson, printLine } from '../context.ts'
import { openSession, type SessionFlags } from './session.ts'

/** What has become of the root images of this host, oldest first. */
export async function run(flags: SessionFlags & { json: boolean }, ctx: CliContext): Promise<Outcome> {
  const { hostpart } = await openSession(flags, ctx)
  const history = await readHistory(hostpart)
  if (flags.json) {
    printJson(ctx.stdout, history)
    return null
  }
  if (history.length === 0) printLine(ctx.stdout, 'nothing has happened yet')
  for (const entry of history) printLine(ctx.stdout, describe(entry))
  return null
}

/** Its messages say what has become of it; the outcome is for programs. */
function describe({ time, version, messages }: HistoryEntry): string {
  const text = messages.join('; ')
  const untold = version !== undefined && !text.includes(version)
  return `${time.replace('T', ' ').replace(/\.\d+Z$/, 'Z')}  ${text}${untold ? ` (version ${version})` : ''}`
}
