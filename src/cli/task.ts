import { InputError } from '../errors.ts'
import type { Outcome } from '../exit.ts'
import { problemLine } from '../job/explain.ts'
import { resolveSources } from '../job/resolve.ts'
import { beginBoot } from '../runtime/boot.ts'
import { loadCatalogue } from '../runtime/catalogue.ts'
import { printEvents } from '../runtime/console.ts'
import { formatEvent } from '../runtime/format.ts'
import type { AnyTask } from '../runtime/task.ts'
import { type Command, text } from './command.ts'
import { type CliContext, printJson, printLine } from './context.ts'
import { describePlan, describeReport } from './describe.ts'
import { openRunFolder } from './run-folder.ts'
import { flagOfParameter, taskFlags, taskParameters } from './task-flags.ts'

/** The command that runs a task: it has the task's own options. */
export function taskCommand(task: AnyTask): Command {
  const { summary, example } = task
  return { summary, example, flags: taskFlags(task), run: (flags, ctx) => run(task, flags, ctx) }
}

/** Runs one task here and now, or prints its plan. Events go to stderr, the outcome to stdout. */
async function run(
  task: AnyTask,
  argv: Readonly<Record<string, unknown>>,
  ctx: CliContext,
): Promise<Outcome> {
  const catalogue = await loadCatalogue({ [task.name]: async () => task })
  const resolved = resolveSources(
    [{ from: 'command line', parameters: taskParameters(task, argv), problems: [] }],
    catalogue,
  )
  const [problem] = resolved.problems
  if (problem !== undefined) {
    const { from: _, ...rest } = problem
    throw new InputError(problemLine({ ...rest, parameter: flagOfParameter(task, problem.parameter) }))
  }
  const json = argv.json === true
  if (argv.plan === true) {
    const facts = await task.readFacts(ctx)
    const plan = task.plan(facts, resolved.job.tasks[0]?.options ?? {})
    if (json) printJson(ctx.stdout, { task: task.name, ...plan })
    else for (const line of describePlan(task.name, plan)) printLine(ctx.stdout, line)
    return null
  }
  using folder = openRunFolder(text(argv['run-dir']))
  const boot = await beginBoot({ ...ctx, catalogue, paths: folder.paths })
  const printing = printEvents(boot.events, (event) => {
    if (!json) printLine(ctx.stderr, formatEvent(event))
  })
  const report = await boot.run(resolved)
  await printing.finish()
  if (json) printJson(ctx.stdout, report)
  else {
    for (const line of await describeReport(report, ctx.registry)) printLine(ctx.stdout, line)
    if (folder.kept) printLine(ctx.stderr, `Events and report: ${folder.paths.dir}`)
  }
  return report.verdict
}
