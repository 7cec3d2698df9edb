import { InputError } from '../errors.ts'
import type { Outcome } from '../exit.ts'
import { isSecretOption } from '../job/catalogue.ts'
import { describeJob, maskJob, problemLine } from '../job/explain.ts'
import { loadCatalogue } from '../runtime/catalogue.ts'
import { readJobSources } from '../runtime/effective-job.ts'
import { type CliContext, printJson, printLine } from './context.ts'
import { readCommandLine } from './kernel.ts'
import { readTemplateValues } from './template-values.ts'

/** Milliseconds in which a job file has to come when somebody waits in front of the screen. */
const PATIENCE = 10_000

/** Shows the effective job. @throws InputError when it is not valid */
export async function run(
  flags: { cmdline: string | undefined; json: boolean },
  ctx: CliContext,
): Promise<Outcome> {
  const catalogue = await loadCatalogue(ctx.registry)
  const commandLine = flags.cmdline ?? (await readCommandLine(ctx.root))
  const sources = await readJobSources(commandLine, catalogue, ctx.root)
  const {
    job,
    hidden: _,
    ...rest
  } = await sources.complete({
    ...ctx,
    values: await readTemplateValues(sources.first.job.file.url, commandLine, ctx),
    patience: Math.min(PATIENCE, sources.first.job.file.wait),
    say: (_, message) => printLine(ctx.stderr, message),
  })
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
