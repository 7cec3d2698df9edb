import { readFile } from 'node:fs/promises'
import { InputError } from '../errors.ts'
import type { Outcome } from '../exit.ts'
import { liveUrl, readLive } from '../live/client.ts'
import { formatEvent } from '../live/format.ts'
import { liveFileSchema } from '../live/protocol.ts'
import { RUN_DIR, runPaths } from '../runtime/paths.ts'
import { type CliContext, printLine } from './context.ts'

/** Prints a live log until the job ends; ends with the job's verdict, or `unknown` when the log ends before it. */
export async function run(
  flags: { url: string | undefined; since: string; json: boolean },
  ctx: CliContext,
): Promise<Outcome> {
  if (!/^\d{1,15}$/.test(flags.since)) {
    throw new InputError(`--since ${flags.since}: is no event number`, { hint: 'write --since 0 to see all' })
  }
  const url = liveUrl(flags.url ?? (await ownLog()), Number(flags.since))
  for await (const message of readLive(url, ctx.signal)) {
    if ('hello' in message) {
      const { host, speediso, image } = message.hello
      const on = image === null ? '' : ` on image ${image.version}`
      printLine(ctx.stderr, `host ${host}, speediso ${speediso.version} (${speediso.commit})${on}`)
      continue
    }
    const { event } = message
    printLine(ctx.stdout, flags.json ? JSON.stringify(event) : formatEvent(event))
    if (event.kind === 'job.end') return event.verdict
  }
  return 'unknown'
}

async function ownLog(): Promise<string> {
  const path = runPaths(RUN_DIR).live
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new InputError('this host has no live log', {
      hint: 'write speediso log ws://HOST:7373/?token=TOKEN',
      cause,
    })
  })
  const { url, token } = liveFileSchema.parse(JSON.parse(text))
  return `${url}?token=${token}`
}
