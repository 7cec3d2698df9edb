import { InputError } from '../errors.ts'
import type { Outcome } from '../exit.ts'
import { refusal } from '../job/confirm.ts'
import { problemLine } from '../job/explain.ts'
import { resolveSources } from '../job/resolve.ts'
import { createScreen } from '../live/screen.ts'
import { beginBoot } from '../runtime/boot.ts'
import { loadCatalogue } from '../runtime/catalogue.ts'
import { printEvents } from '../runtime/console.ts'
import type { AnyTask } from '../runtime/task.ts'
import { readHostIdentity } from '../system/identity.ts'
import { type Command, text } from './command.ts'
import { type CliContext, printJson, printLine } from './context.ts'
import { describePlan, describeReport } from './describe.ts'
import { keepParameters, keptParameters } from './resume.ts'
import { openRunFolder } from './run-folder.ts'
import { flagOfParameter, taskFlags, taskParameters, withFiles } from './task-flags.ts'
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
  const resume = argv.resume === true
  const dir = text(argv['run-dir'])
  const parameters = resume
    ? await keptParameters(dir, task, argv, Object.keys(taskFlags(task)), ctx)
    : taskParameters(task, await withFiles(task, argv))
  const resolved = resolveSources([{ from: 'command line', parameters, problems: [] }], catalogue)
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
  await checkConfirmed(task, resolved.job.confirm, ctx)
  // What proves an erase must not go with the command that did it.
  using folder = openRunFolder(dir, { resume, keep: task.destructive })
  const boot = await beginBoot({ ...ctx, catalogue, paths: folder.paths })
  if (task.resumes === true && !resume) await keepParameters(folder.paths.dir, task, parameters, ctx)
  using screen = createScreen(ctx.stderr, ctx.stderr, ctx.clock, false)
  const printing = printEvents(boot.events, async (event) => {
    if (!json) await screen.show(event)
  })
  const report = await boot.run(resolved)
  await printing.finish()
  screen[Symbol.dispose]()
  const [only] = report.tasks
  // Told as any other bad input is; report and events have it as well.
  if (only?.bad_input) {
    // Nothing was done, so there is nothing to keep.
    folder.kept = dir !== undefined
    throw new InputError(only.reason ?? 'what was asked does not fit this machine')
  }
  if (json) printJson(ctx.stdout, report)
  else for (const line of await describeReport(report, ctx.registry)) printLine(ctx.stdout, line)
  if (folder.kept) printLine(ctx.stderr, `Events and report: ${folder.paths.dir}`)
  return report.verdict
}

/** Before anything is begun: who forgets to name this machine has made no job of it. */
async function checkConfirmed(
  task: AnyTask,
  confirmations: readonly string[],
  { root, exec }: CliContext,
): Promise<void> {
  if (!task.destructive) return
  const { macs, serial, uuid } = await readHostIdentity(root, exec)
  const names = { macs: macs.map(({ mac }) => mac), serial, uuid }
  if (refusal(task, confirmations, names) === undefined) return
  const [own] = [...names.macs, serial, uuid].filter((name) => name !== undefined)
  const given = confirmations.join(', ')
  throw new InputError(
    given === ''
      ? `speediso ${task.name} is destructive, and is not told which machine it is meant for`
      : `--confirm ${given}: names another machine, and speediso ${task.name} is destructive`,
    { hint: own === undefined ? 'this machine has no name' : `this machine is --confirm ${own}` },
  )
}
