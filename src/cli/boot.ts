import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { networkInterfaces, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { explain } from '../errors.ts'
import type { Outcome } from '../exit.ts'
import { resolveJob } from '../job/resolve.ts'
import { formatEvent } from '../live/format.ts'
import { type LiveServer, startLiveServer } from '../live/server.ts'
import { afterAction, carryOut } from '../runtime/after.ts'
import { type Boot, beginBoot } from '../runtime/boot.ts'
import { loadCatalogue } from '../runtime/catalogue.ts'
import { printEvents } from '../runtime/console.ts'
import { type BootState, MOTD_FILE, motdText } from '../runtime/motd.ts'
import { RUN_DIR, type RunPaths, runPaths } from '../runtime/paths.ts'
import { writeDocument } from '../runtime/report.ts'
import { installSshKeys } from '../system/ssh-keys.ts'
import { versionText } from '../version.ts'
import { type CliContext, printLine } from './context.ts'
import { readCommandLine } from './kernel.ts'

export interface BootFlags {
  cmdline: string | undefined
  runDir: string | undefined
}

/**
 * The job of this boot, from kernel command line to what follows it; then stays to serve the live log until told to
 * stop. With a command line given it is a trial: it ends with the job and changes nothing of the machine around it.
 */
export async function run(flags: BootFlags, ctx: CliContext): Promise<Outcome> {
  const trial = flags.cmdline !== undefined
  const paths = runPaths(flags.runDir ?? (trial ? await mkdtemp(join(tmpdir(), 'speediso-')) : RUN_DIR))
  const catalogue = await loadCatalogue(ctx.registry)
  const resolved = resolveJob(flags.cmdline ?? (await readCommandLine(ctx.root)), catalogue)
  const boot = await beginBoot(resolved, { ...ctx, catalogue, paths })
  const printing = printEvents(boot.events, (event) => printLine(ctx.stdout, formatEvent(event)))
  await using live = await openLiveLog(boot, paths)
  const motd = trial ? async () => {} : motdWriter(boot, ctx, live.shown)
  await motd()
  const keys = trial ? undefined : letIn(boot, ctx)

  const report = await boot.run()
  await motd({ verdict: report.verdict, ...(report.reason === undefined ? {} : { reason: report.reason }) })
  await keys
  await finish(boot, report.verdict, trial, ctx)
  if (!trial) await aborted(ctx.signal)
  await printing.finish()
  if (trial) printLine(ctx.stdout, `Events and report: ${paths.dir}`)
  return trial ? report.verdict : null
}

/** Reboots, powers off or stays, as the job says; an error in that is said and the machine stays. */
async function finish(boot: Boot, verdict: Outcome, trial: boolean, ctx: CliContext): Promise<void> {
  const action = afterAction(boot.resolved.job, verdict)
  const say = (level: 'info' | 'error', message: string) =>
    boot.events.append({ kind: 'log', level, message })
  // Told to stop: whoever did that decides what is next.
  if (action === 'stay' || ctx.signal.aborted) return
  if (trial) say('info', `a real boot would now ${action}`)
  else {
    say('info', `now: ${action}`)
    await carryOut(action, ctx).catch((error: unknown) => say('error', `${action}: ${explain(error)}`))
  }
}

interface LiveLog extends AsyncDisposable {
  /** Address for people, when there is a server. */
  shown: string | undefined
}

async function openLiveLog(boot: Boot, paths: RunPaths): Promise<LiveLog> {
  const { events, identity, image, resolved } = boot
  const { listen, token = null } = resolved.job.log
  const none: LiveLog = { shown: undefined, async [Symbol.asyncDispose]() {} }
  if (listen === 'off') return none
  const password = token ?? randomBytes(12).toString('base64url')
  let server: LiveServer
  try {
    server = await startLiveServer({
      ...listen,
      token: password,
      hello: { schema: 'speediso.hello/1', host: identity.hostId, speediso: boot.build, image },
      events,
      report: paths.report,
    })
  } catch (error) {
    events.append({ kind: 'log', level: 'error', message: explain(error).split('\n').join('; ') })
    return none
  }
  const any = ['0.0.0.0', '::'].includes(server.address)
  const bracket = (address: string) => (address.includes(':') ? `[${address}]` : address)
  const own = bracket(any ? (server.address === '::' ? '::1' : '127.0.0.1') : server.address)
  const host = any ? (ownAddress() ?? own) : own
  await writeDocument(paths.live, { url: `ws://${own}:${server.port}/`, token: password }, 0o600)
  // A token from the command line is known to who gave it; a random one has to be shown once.
  const shown = `ws://${host}:${server.port}/?token=${token === null ? password : 'TOKEN'}`
  return { shown, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

/** The first address by which others may reach this host. */
function ownAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address
}

function motdWriter(boot: Boot, ctx: CliContext, live: string | undefined) {
  const { image, resolved } = boot
  const on = image === null ? '' : ` on image ${image.version}`
  return async (ended?: BootState['ended']) => {
    const state: BootState = {
      version: `${versionText()}${on}`,
      tasks: resolved.job.tasks.map((task) => task.name),
      problems: resolved.problems,
      ...(ended === undefined ? {} : { ended }),
      ...(live === undefined ? {} : { live }),
    }
    const path = ctx.root.path(MOTD_FILE)
    try {
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, motdText(state))
    } catch (error) {
      boot.events.append({ kind: 'log', level: 'warning', message: `motd: ${explain(error)}` })
    }
    if (ended === undefined)
      for (const line of motdText(state).trimEnd().split('\n')) printLine(ctx.stdout, line)
  }
}

/** Lets the holders of the given keys log in; beside the job, which does not wait for a key server. */
async function letIn(boot: Boot, ctx: CliContext): Promise<void> {
  const { ssh_keys: keys } = boot.resolved.job
  if (keys.length === 0) return
  const { root, signal } = ctx
  try {
    const count = await installSshKeys(keys, { root, signal, fetch })
    boot.events.append({
      kind: 'log',
      level: 'info',
      message: `SSH: ${count} authorized ${count === 1 ? 'key' : 'keys'}`,
    })
  } catch (error) {
    boot.events.append({
      kind: 'log',
      level: 'error',
      message: `SSH: ${explain(error).split('\n').join('; ')}`,
    })
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
}
