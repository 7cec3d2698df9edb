import type { Writable } from 'node:stream'
import { InputError, SpeedisoError } from '../errors.ts'
import type { Outcome } from '../exit.ts'
import { liveUrl } from '../live/address.ts'
import type { LiveMessage } from '../live/client.ts'
import { UnreachableError } from '../live/failure.ts'
import { followLive } from '../live/follow.ts'
import { isNatsUrl } from '../live/nats/address.ts'
import { type Greeting, liveFileSchema } from '../live/protocol.ts'
import { createScreen, type Screen } from '../live/screen.ts'
import { RUN_DIR, runPaths } from '../runtime/paths.ts'
import type { CliContext } from './context.ts'
import { readDocument } from './document.ts'

export interface LogFlags {
  /** Of a live log, or of a NATS server; absent: this host's own log. */
  url: string | undefined
  since: string
  json: boolean
  /** Whose own log; default /run/speediso. */
  runDir: string | undefined
  /** Keep trying until the host answers. */
  wait: boolean
  /** SHA-256 of the certificate that the log has to have. */
  fingerprint: string | undefined
  /** Host id: only that one of a fleet. */
  host: string | undefined
}

/** Shows a live log until the job ends; ends with the job's verdict, or `unknown` when the log ends before it. */
export async function run(flags: LogFlags, ctx: CliContext): Promise<Outcome> {
  if (!/^\d{1,15}$/.test(flags.since)) {
    throw new InputError(`--since ${flags.since}: is no event number`, { hint: 'write --since 0 to see all' })
  }
  using screen = createScreen(ctx.stdout, ctx.stderr, ctx.clock, flags.json)
  const signal = AbortSignal.any([ctx.signal, unreadable(ctx.stdout)])
  if (isNatsUrl(flags.url ?? '')) return showFleet(flags.url ?? '', flags, screen, { ...ctx, signal })
  if (flags.host !== undefined)
    throw new InputError('--host: a live log is of one host', { hint: 'write it with nats://HOST:4222' })
  const { url, runDir } = flags
  const own = url === undefined ? await ownLog(runPaths(runDir ?? RUN_DIR).live) : undefined
  try {
    return await showLog(follow(own ?? url ?? '', flags, screen, signal), screen)
  } catch (error) {
    if (own === undefined || !(error instanceof UnreachableError) || error.facts.status !== undefined)
      throw error
    throw new SpeedisoError("this host's live log is gone: the program that served it has ended", {
      hint: 'systemctl status speediso tells why; speediso report shows the report, if there is one',
      cause: error,
    })
  }
}

function follow(
  address: string,
  { since, fingerprint, wait }: LogFlags,
  { notice }: Screen,
  signal: AbortSignal,
): AsyncGenerator<LiveMessage> {
  return followLive(liveUrl(address, Number(since), fingerprint), { signal, wait, notice })
}

async function showLog(messages: AsyncGenerator<LiveMessage>, screen: Screen): Promise<Outcome> {
  let host: string | undefined
  for await (const message of messages) {
    if ('hello' in message) {
      const now = describeHello(message.hello)
      // Each time that it is connected again.
      if (now !== host) screen.notice(now)
      host = now
    } else {
      await screen.show(message.event, { line: message.line })
      if (message.event.kind === 'job.end') return message.event.verdict
    }
  }
  return 'unknown'
}

/** One host's log ends with its job; that of all has no verdict, and ends by the signal. */
async function showFleet(
  url: string,
  flags: LogFlags,
  screen: Screen,
  { root, signal }: Pick<CliContext, 'root' | 'signal'>,
): Promise<Outcome> {
  const { followFleet } = await import('../live/nats/follow.ts')
  if (/^tls:/i.test(url)) await (await import('../system/http-ask.ts')).trustOwnAuthorities(root)
  const { host, since } = flags
  const events = followFleet({ url, host, since: Number(since), signal, tell: screen.notice })
  for await (const { host: from, event } of events) {
    await screen.show(event, { host: from })
    if (host !== undefined && event.kind === 'job.end') return event.verdict
  }
  return host === undefined ? null : 'unknown'
}

/** Aborted when nobody reads the output any more (`speediso log | head`), or it cannot be written. */
function unreadable(stdout: Writable): AbortSignal {
  const over = new AbortController()
  stdout.once('error', () => over.abort())
  return over.signal
}

function describeHello({ host, speediso, image }: Greeting): string {
  const on = image === null ? '' : ` on image ${image.version}`
  return `host ${host}, speediso ${speediso.version} (${speediso.commit})${on}`
}

/** The address of the log that is served from this folder. */
async function ownLog(path: string): Promise<string> {
  const live = await readDocument(path, 'address of a live log', liveFileSchema)
  if (live === undefined)
    throw new InputError(`${path}: this host has no live log`, {
      hint: 'write speediso log http://HOST:7373/#token=TOKEN',
    })
  const pin = live.fingerprint === undefined ? '' : `&fingerprint=${live.fingerprint}`
  return `${live.url}#token=${live.token}${pin}`
}
