import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InputError } from '../errors.ts'
import type { Outcome } from '../exit.ts'
import { problemLine } from '../job/explain.ts'
import { resolveParameters } from '../job/resolve.ts'
import { formatEvent } from '../live/format.ts'
import { beginBoot } from '../runtime/boot.ts'
import { loadCatalogue } from '../runtime/catalogue.ts'
import { printEvents } from '../runtime/console.ts'
import { runPaths } from '../runtime/paths.ts'
import type { AnyTask } from '../runtime/task.ts'
import { type CliContext, printJson, printLine } from './context.ts'
import { describePlan, describeReport } from './describe.ts'
import { flagOfParameter, taskParameters } from './task-flags.ts'

/** Runs one task here and now, or prints its plan. Events go to stderr, the outcome to stdout. */
export async function run(
  task: AnyTask,
  argv: Readonly<Record<string, unknown>>,
  ctx: CliContext,
): Promise<Outcome> {
  const catalogue = await loadCatalogue({ [task.name]: async () => task })
  const resolved = resolveParameters(taskParameters(task, argv), catalogue)
  const [problem] = resolved.problems
  if (problem !== undefined) {
    throw new InputError(problemLine({ ...problem, parameter: flagOfParameter(task, problem.parameter) }))
  }
  const json = argv.json === true
  if (argv.plan === true) {
    const facts = await task.readFacts(ctx)
    const plan = task.plan(facts, resolved.job.tasks[0]?.options ?? {})
    if (json) printJson(ctx.stdout, { task: task.name, ...plan })
    else for (const line of describePlan(task.name, plan)) printLine(ctx.stdout, line)
    return null
  }
  const dir = await mkdtemp(join(tmpdir(), 'speediso-'))
  const boot = await beginBoot(resolved, { ...ctx, catalogue, paths: runPaths(dir) })
  const printing = printEvents(boot.events, (event) => {
    if (!json) printLine(ctx.stderr, formatEvent(event))
  })
  const report = await boot.run()
  await printing.finish()
  if (json) printJson(ctx.stdout, report)
  else {
    for (const line of await describeReport(report, ctx.registry)) printLine(ctx.stdout, line)
    printLine(ctx.stderr, `Events and report: ${dir}`)
  }
  return report.verdict
}
