import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { InputError } from '../errors.ts'
import type { Parameter } from '../job/cmdline.ts'
import type { AnyTask } from '../runtime/task.ts'
import { readBootId } from '../system/os.ts'
import { writeDocument } from '../system/write-file.ts'
import type { CliContext } from './context.ts'

/** What a command was asked for: kept beside its events, so that it can be gone on with as it was begun. */
const keptSchema = z.object({
  schema: z.literal('speediso.command/1'),
  task: z.string(),
  boot_id: z.string().nullable(),
  parameters: z.array(z.object({ name: z.string(), value: z.string().optional(), raw: z.string() })),
})

const fileIn = (dir: string) => join(dir, 'command.json')

/** Readable for this user only: it holds secrets. */
export async function keepParameters(
  dir: string,
  task: AnyTask,
  parameters: readonly Parameter[],
  { root }: CliContext,
): Promise<void> {
  const boot_id = await readBootId(root)
  const document = { schema: 'speediso.command/1', task: task.name, boot_id, parameters }
  await writeDocument(fileIn(dir), document, 0o600)
}

/** Flags that may stand beside `--resume`. */
const BESIDE = new Set(['resume', 'run-dir', 'json', 'plan'])

/**
 * What the job in this folder was begun with; nothing else may be given, as half of a job that another one was is none.
 * @throws InputError for other options, for another task, and after a reboot: how far it was is not certain then
 */
export async function keptParameters(
  dir: string | undefined,
  task: AnyTask,
  argv: Readonly<Record<string, unknown>>,
  own: readonly string[],
  { root }: CliContext,
): Promise<Parameter[]> {
  if (dir === undefined)
    throw new InputError('--resume: which job?', { hint: 'name its folder by --run-dir' })
  const other = own.find((flag) => argv[flag] !== undefined && argv[flag] !== false && !BESIDE.has(flag))
  if (other !== undefined)
    throw new InputError(`--${other}: --resume goes on with what was asked for at the start`, {
      hint: `leave --${other} out`,
    })
  let kept: z.infer<typeof keptSchema>
  try {
    kept = keptSchema.parse(JSON.parse(await readFile(fileIn(dir), 'utf8')))
  } catch (cause) {
    throw new InputError(`${dir}: holds no job to go on with`, {
      hint: 'leave --resume out to begin one',
      cause,
    })
  }
  if (kept.task !== task.name)
    throw new InputError(`${dir}: holds a job of ${kept.task}`, { hint: `speediso ${kept.task} --resume` })
  if (kept.boot_id !== (await readBootId(root)))
    throw new InputError(`${dir}: this host was booted anew since`, {
      hint: 'begin again in a new folder: which disk was which is not certain any more',
    })
  return kept.parameters.map(({ name, value, raw }) => ({ name, value, raw }))
}
