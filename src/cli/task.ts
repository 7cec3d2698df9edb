import { InputError } from '../errors.ts'
import type { Outcome } from '../exit.ts'
import { problemLine } from '../job/explain.ts'
import { resolveSources } from '../job/resolve.ts'
import { createScreen } from '../live/screen.ts'
import { beginBoot } from '../runtime/boot.ts'
import { loadCatalogue } from '../runtime/catalogue.ts'
import { printEvents } from '../runtime/console.ts'
import type { AnyTask } from '../runtime/task.ts'
import { type Command, text } from './command.ts'
import { type CliContext, printJson, printLine } from './context.ts'
import { describePlan, describeReport } from './describe.ts'
import { openRunFolder } from './run-folder.ts'
import { flagOfParameter, taskFlags, taskParameters } from './task-flags.ts'
import { runTool } from './task-tool.ts'

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
  const tool = await runTool(task, argv, ctx)
  if (tool !== undefined) return tool.outcome
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
    else
      for (const line of task.describePlan?.(facts, plan) ?? describePlan(task.name, plan))
        printLine(ctx.stdout, line)
    return null
  }
  using folder = openRunFolder(text(argv['run-dir']), argv.resume === true)
  const boot = await beginBoot({ ...ctx, catalogue, paths: folder.paths })
  using screen = createScreen(ctx.stderr, ctx.stderr, ctx.clock, false)
  const printing = printEvents(boot.events, async (event) => {
    if (!json) await screen.show(event)
  })
  const report = await boot.run(resolved)
  await printing.finish()
  screen[Symbol.dispose]()
  if (json) printJson(ctx.stdout, report)
  else {
    for (const line of await describeReport(report, ctx.registry)) printLine(ctx.stdout, line)
    if (folder.kept) printLine(ctx.stderr, `Events and report: ${folder.paths.dir}`)
  }
  const [only] = report.tasks
  // Told as any other bad input is; report and events have it as well.
  if (only?.bad_input) throw new InputError(only.reason ?? 'what was asked does not fit this machine')
  return report.verdict
}
