import type { Outcome } from '../../exit.ts'
import { readHistory } from '../../root/history.ts'
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
  for (const { time, outcome, version, messages } of history) {
    const at = time.replace('T', ' ').replace(/\.\d+Z$/, 'Z')
    printLine(
      ctx.stdout,
      `${at}  ${outcome}${version === undefined ? '' : ` (${version})`}: ${messages.join('; ')}`,
    )
  }
  return null
}
