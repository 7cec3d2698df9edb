import { networkInterfaces } from 'node:os'
import { explainInLine } from '../errors.ts'
import type { Outcome } from '../exit.ts'
import { parseCommandLine } from '../job/cmdline.ts'
import type { Job, ResolvedJob } from '../job/schema.ts'
import { readPage } from '../live/read-page.ts'
import { afterAction } from '../runtime/after.ts'
import { type Boot, beginBoot } from '../runtime/boot.ts'
import { loadCatalogue } from '../runtime/catalogue.ts'
import { createDelivery } from '../runtime/deliver/delivery.ts'
import { spoolInMemory } from '../runtime/deliver/spool.ts'
import { readJobSources } from '../runtime/effective-job.ts'
import { type BootState, jobLines, writeMotd } from '../runtime/motd.ts'
import { RUN_DIR, type RunPaths, runPaths } from '../runtime/paths.ts'
import { readReportingCard } from '../system/network/reporting-card.ts'
import { installSshKeys } from '../system/ssh-keys.ts'
import { versionText } from '../version.ts'
import { setClock } from './boot-clock.ts'
import { FLEET_LIMIT, finish, openBootFleet, say } from './boot-end.ts'
import { createBootLog } from './boot-log.ts'
import { openBootSinks } from './boot-sinks.ts'
import { type CliContext, printLine } from './context.ts'
import { readCommandLine } from './kernel.ts'
import { openRunFolder, type RunFolder } from './run-folder.ts'

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
  using folder = trial ? openRunFolder(flags.runDir) : bootFolder(flags.runDir)
  const commandLine = flags.cmdline ?? (await readCommandLine(ctx.root))
  const verdict = await runBoot(commandLine, trial, folder.paths, ctx)
  if (trial && folder.kept) printLine(ctx.stdout, `Events and report: ${folder.paths.dir}`)
  return trial ? verdict : null
}

async function runBoot(
  commandLine: string,
  trial: boolean,
  paths: RunPaths,
  ctx: CliContext,
): Promise<Outcome> {
  const catalogue = await loadCatalogue(ctx.registry)
  const sources = await readJobSources(commandLine, catalogue, ctx.root)
  await using made = new AsyncDisposableStack()
  const boot = await beginBoot({ ...ctx, catalogue, paths })
  const { events, identity, bootId } = boot
  const sinks = made.use(await openBootSinks(events, trial, ctx))
  const words = parseCommandLine(commandLine)
  const card = await readReportingCard({ root: ctx.root, words, addresses: networkInterfaces })
  const { address: ownAddress, mac } = 'mac' in card ? card : {}
  const { image, build } = boot
  const hello = {
    schema: 'speediso.hello/1',
    host: identity.hostId,
    boot_id: bootId,
    speediso: build,
    image,
  } as const
  const page = await readPage()
  const log = made.use(createBootLog({ hello, events, paths, exec: ctx.exec, page, ownAddress }))
  const { first } = sources
  // A certificate is made by the clock as it is then.
  if (!trial && first.job.log.tls) await setClock(first.job, words, boot, ctx)
  const showLog = () => {
    if (log.shown !== undefined) sinks.print(`Live log: ${log.shown}`)
  }
  await log.open(first.job.log)
  const pending = { ...stateOf(boot, first, log.shown), waiting: true }
  say(boot, 'info', pending.version)
  showLog()
  if (!trial) {
    await tellMotd(pending, boot, ctx)
    if (!first.job.log.tls) await setClock(first.job, words, boot, ctx)
  }
  const resolved = await sources.complete({
    ...ctx,
    values: { mac, uuid: identity.uuid, serial: identity.serial, hostname: identity.hostname },
    say: (level, message) => say(boot, level, message),
    ...(trial ? {} : { copy: paths.jobFile }),
  })
  if (await log.open(resolved.job.log)) showLog()

  const { job } = resolved
  const state = stateOf(boot, resolved, log.shown)
  for (const line of jobLines(state)) sinks.print(line)
  if (!trial) await tellMotd(state, boot, ctx)
  const keys = trial ? undefined : letIn(job, boot, ctx)
  const secrets = [...resolved.hidden(), ...(log.token === undefined ? [] : [log.token])]
  // A trial writes to no disk of this machine.
  const spool = trial ? { spool: spoolInMemory(paths.dir) } : {}
  const delivery = made.use(
    await createDelivery({ ...ctx, job, identity, mac, bootId, events, paths, secrets, trial, ...spool }),
  )
  const fleet = job.nats === null ? undefined : made.use(await openBootFleet(job.nats, boot, ctx))
  // Told to stop before anything was begun: another start may still do the job.
  ctx.signal.throwIfAborted()

  const report = await boot.run(resolved)
  const { verdict, reason } = report
  const ran = report.tasks.map(({ task }) => task)
  const ended = { ...state, tasks: ran.length > 0 ? ran : state.tasks, ended: { verdict, reason } }
  if (!trial) await tellMotd(ended, boot, ctx)
  fleet?.publishReport(report)
  await delivery.deliver(report)

  const action = afterAction(resolved, verdict)
  if (trial && action !== 'stay') say(boot, 'info', `a real boot would now ${action}`)
  if (trial) {
    await delivery.sent()
    await fleet?.flush(FLEET_LIMIT)
  } else {
    await finish(action, boot, { delivery, fleet }, ctx)
    await aborted(ctx.signal)
    await keys
  }
  return verdict
}

/** Of a real boot: it outlives this process, so that a restarted one runs nothing again. */
function bootFolder(dir: string | undefined): RunFolder {
  return { paths: runPaths(dir ?? RUN_DIR), kept: true, [Symbol.dispose]() {} }
}

function stateOf(
  { build, image }: Boot,
  { job, problems }: ResolvedJob,
  live: string | undefined,
): BootState {
  const version = `${versionText(build)}${image === null ? '' : ` on image ${image.version}`}`
  return { version, tasks: job.tasks.map((task) => task.name), problems, live }
}

/** Motd is a courtesy: that it cannot be written is said, and stops nothing. */
async function tellMotd(state: BootState, boot: Boot, ctx: CliContext): Promise<void> {
  await writeMotd(state, ctx.root).catch((error: unknown) =>
    say(boot, 'warning', `motd: ${explainInLine(error)}`),
  )
}

/** Lets the holders of the given keys log in; beside the job, which does not wait for a key server. */
async function letIn({ ssh_keys: keys }: Job, boot: Boot, ctx: CliContext): Promise<void> {
  if (keys.length === 0) return
  await installSshKeys(keys, ctx).then(
    (count) => say(boot, 'info', `SSH: ${count} authorized ${count === 1 ? 'key' : 'keys'}`),
    (error: unknown) => say(boot, 'error', `SSH: ${explainInLine(error)}`),
  )
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  // Without a live log nothing else would keep this process alive.
  const alive = setInterval(() => {}, 2 ** 30)
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  clearInterval(alive)
}
