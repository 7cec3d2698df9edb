import { InputError } from '../errors.ts'
import type { Outcome } from '../exit.ts'
import { isSecretOption } from '../job/catalogue.ts'
import { describeJob, maskJob, problemLine } from '../job/explain.ts'
import { resolveJob } from '../job/resolve.ts'
import { loadCatalogue } from '../runtime/catalogue.ts'
import { type CliContext, printJson, printLine } from './context.ts'
import { readCommandLine } from './kernel.ts'

/** Shows the effective job. @throws InputError when it is not valid */
export async function run(
  flags: { cmdline: string | undefined; json: boolean },
  ctx: CliContext,
): Promise<Outcome> {
  const catalogue = await loadCatalogue(ctx.registry)
  const { job, ...rest } = resolveJob(flags.cmdline ?? (await readCommandLine(ctx.root)), catalogue)
  const masked = maskJob(job, (task, key) => {
    const facts = catalogue.get(task)
    return facts !== undefined && isSecretOption(facts, key)
  })
  if (flags.json) printJson(ctx.stdout, { job: masked, ...rest })
  else if (rest.problems.length === 0) {
    for (const line of describeJob(masked, rest)) printLine(ctx.stdout, line)
  }
  const lines = rest.problems.map(problemLine)
  const last = lines.pop()
  if (last === undefined) return null
  for (const line of lines) printLine(ctx.stderr, `speediso: ${line}`)
  throw new InputError(last)
}
