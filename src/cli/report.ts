import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { InputError } from '../errors.ts'
import type { Outcome } from '../exit.ts'
import { printable } from '../printable.ts'
import { reportPage } from '../runtime/html/page.ts'
import { RUN_DIR, runPaths } from '../runtime/paths.ts'
import { type Report, reportSchema } from '../runtime/report.ts'
import { type CliContext, printLine } from './context.ts'
import { describeReport, describeResults } from './describe.ts'
import { readDocument } from './document.ts'
import { noJobIn } from './no-job.ts'

export interface ReportFlags {
  format: 'text' | 'json' | 'html'
  output: string | undefined
  runDir: string | undefined
}

/** Shows the report of this boot, or writes it to a file; ends with the job's verdict. */
export async function run(flags: ReportFlags, ctx: CliContext): Promise<Outcome> {
  const { dir, report: path, started } = runPaths(flags.runDir ?? RUN_DIR)
  const report = await readDocument(path, 'report', reportSchema)
  if (report === undefined) {
    if (!existsSync(started)) throw noJobIn(dir)
    throw new InputError(`${path}: there is no report, because the job has not ended`, {
      hint: 'speediso status tells where it is',
    })
  }
  const rendered = await render[flags.format](report, ctx)
  if (flags.output === undefined) ctx.stdout.write(rendered)
  else {
    await write(flags.output, rendered)
    printLine(ctx.stderr, `${flags.output}: written`)
  }
  return report.verdict
}

const render: Record<ReportFlags['format'], (report: Report, ctx: CliContext) => Promise<string>> = {
  json: async (report) => `${JSON.stringify(report, null, 2)}\n`,
  text: async (report, { registry }) =>
    (await describeReport(report, registry)).map((line) => `${printable(line)}\n`).join(''),
  html: async (report, { registry }) => reportPage(report, await describeResults(report, registry)),
}

async function write(path: string, text: string): Promise<void> {
  await writeFile(path, text).catch((cause: NodeJS.ErrnoException) => {
    throw new InputError(`--output ${path}: cannot be written (${cause.code})`, { cause })
  })
}
