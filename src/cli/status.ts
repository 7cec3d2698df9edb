import type { Outcome } from '../exit.ts'
import { RUN_DIR, runPaths } from '../runtime/paths.ts'
import type { Verdict } from '../runtime/verdict.ts'
import { type CliContext, printJson, printLine } from './context.ts'
import { describeStatus } from './status/describe.ts'
import { statusDocument } from './status/document.ts'
import { readStatus, type Status } from './status/read.ts'

/**
 * Shows what this boot is doing; ends with the job's verdict, `unknown` as long as it has none.
 * @throws InputError when there is no job
 */
export async function run(
  flags: { json: boolean; runDir: string | undefined },
  ctx: CliContext,
): Promise<Outcome> {
  const status = await readStatus(runPaths(flags.runDir ?? RUN_DIR), ctx.signal)
  if (flags.json) printJson(ctx.stdout, statusDocument(status))
  else for (const line of describeStatus(status, ctx.clock.now())) printLine(ctx.stdout, line)
  return verdictOf(status)
}

/** Null: the job ended, and nothing was asked. */
function verdictOf({ state, view }: Status): Verdict | null {
  if (state !== 'ended') return 'unknown'
  return view.job.state === 'none' ? null : (view.job.state as Verdict)
}
