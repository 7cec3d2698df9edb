import { readFile } from 'node:fs/promises'
import { InputError } from '../errors.ts'
import type { Outcome } from '../exit.ts'
import type { AnyTask } from '../runtime/task.ts'
import { writeText } from '../system/write-file.ts'
import { text } from './command.ts'
import { type CliContext, printJson, printLine } from './context.ts'

/**
 * Runs the tool of a task that the flags ask for; undefined: they ask for none.
 * @throws InputError for a flag that means something only beside a tool
 */
export async function runTool(
  task: AnyTask,
  argv: Readonly<Record<string, unknown>>,
  ctx: CliContext,
): Promise<{ outcome: Outcome } | undefined> {
  for (const [name, tool] of Object.entries(task.tools ?? {})) {
    const names = Object.keys(tool.flags)
    const value = text(argv[name])
    if (value === undefined) {
      const lone = names.find((flag) => argv[flag] !== undefined)
      if (lone === undefined) continue
      throw new InputError(`--${lone}: means something only with --${name}`, { hint: `add --${name}` })
    }
    const flags = Object.fromEntries(names.map((flag) => [flag, text(argv[flag])]))
    const { root, stdout } = ctx
    const done = await tool.run(value, flags, { root, readFile: (path) => readFile(path, 'utf8') })
    for (const file of done.files ?? []) {
      await writeText(file.path, file.text, 0o644).catch((cause: NodeJS.ErrnoException) => {
        throw new InputError(`${file.path}: cannot be written (${cause.code})`, { cause })
      })
    }
    if (argv.json === true) printJson(stdout, { verdict: done.verdict, lines: done.lines })
    else for (const line of done.lines) printLine(stdout, line)
    return { outcome: done.verdict }
  }
  return undefined
}
