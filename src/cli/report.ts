import { readFile } from 'node:fs/promises'
import { InputError, ReadError } from '../errors.ts'
import type { Outcome } from '../exit.ts'
import { RUN_DIR, runPaths } from '../runtime/paths.ts'
import { type Report, reportSchema } from '../runtime/report.ts'
import { type CliContext, printJson, printLine } from './context.ts'
import { describeReport } from './describe.ts'

/** Shows the report of this boot; ends with the job's verdict. */
export async function run(
  flags: { format: 'text' | 'json'; runDir: string | undefined },
  ctx: CliContext,
): Promise<Outcome> {
  const { report: path } = runPaths(flags.runDir ?? RUN_DIR)
  const report = await readReport(path)
  if (flags.format === 'json') printJson(ctx.stdout, report)
  else {
    for (const line of await describeReport(report, ctx.registry)) printLine(ctx.stdout, line)
  }
  return report.verdict
}

async function readReport(path: string): Promise<Report> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ENOENT') throw new ReadError(`${path}: ${cause.code}`, { cause })
    throw new InputError(`${path}: there is no report`, {
      hint: 'the job has not ended; speediso log follows it',
    })
  })
  try {
    return reportSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw new ReadError(`${path}: is no report`, { cause })
  }
}
