import { existsSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { explainInLine, InputError } from '../errors.ts'
import type { Outcome } from '../exit.ts'
import { resolveJob } from '../job/resolve.ts'
import { formatEvent } from '../live/format.ts'
import { openLiveLog } from '../live/open.ts'
import { afterAction, carryOut } from '../runtime/after.ts'
import { type Boot, beginBoot } from '../runtime/boot.ts'
import { loadCatalogue } from '../runtime/catalogue.ts'
import { printEvents } from '../runtime/console.ts'
import { type BootState, motdLines, writeMotd } from '../runtime/motd.ts'
import { RUN_DIR, runPaths } from '../runtime/paths.ts'
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
  if (trial && existsSync(paths.started)) {
    throw new InputError(`${paths.dir}: holds an earlier job`, { hint: 'name a new folder by --run-dir' })
  }
  const catalogue = await loadCatalogue(ctx.registry)
  const resolved = resolveJob(flags.cmdline ?? (await readCommandLine(ctx.root)), catalogue)
  const boot = await beginBoot(resolved, { ...ctx, catalogue, paths })
  const printing = printEvents(boot.events, (event) => printLine(ctx.stdout, formatEvent(event)))
  const { image, identity, build, events } = boot
  const hello = { schema: 'speediso.hello/1', host: identity.hostId, speediso: build, image } as const
  await using live = await openLiveLog(resolved.job.log, hello, events, paths)
  const state: BootState = {
    version: `${versionText(build)}${image === null ? '' : ` on image ${image.version}`}`,
    tasks: resolved.job.tasks.map((task) => task.name),
    problems: resolved.problems,
    live: live.shown,
  }
  say(boot, 'info', state.version)
  for (const line of motdLines(state).slice(1)) printLine(ctx.stdout, line)
  if (!trial) await tellMotd(state, boot, ctx)
  const keys = trial ? undefined : letIn(boot, ctx)

  const { verdict, reason } = await boot.run()
  if (!trial) await tellMotd({ ...state, ended: { verdict, reason } }, boot, ctx)
  await keys
  await finish(boot, verdict, trial, ctx)
  if (!trial) await aborted(ctx.signal)
  await printing.finish()
  if (trial) printLine(ctx.stdout, `Events and report: ${paths.dir}`)
  return trial ? verdict : null
}

/** Reboots, powers off or stays, as the job says; an error in that is said and the machine stays. */
async function finish(boot: Boot, verdict: Outcome, trial: boolean, ctx: CliContext): Promise<void> {
  const action = afterAction(boot.resolved, verdict)
  // Told to stop: whoever did that decides what is next.
  if (action === 'stay' || ctx.signal.aborted) return
  if (trial) return say(boot, 'info', `a real boot would now ${action}`)
  say(boot, 'info', `now: ${action}`)
  await carryOut(action, ctx).catch((error: unknown) =>
    say(boot, 'error', `${action}: ${explainInLine(error)}`),
  )
}

/** Motd is a courtesy: that it cannot be written is said, and stops nothing. */
async function tellMotd(state: BootState, boot: Boot, ctx: CliContext): Promise<void> {
  await writeMotd(state, ctx.root).catch((error: unknown) =>
    say(boot, 'warning', `motd: ${explainInLine(error)}`),
  )
}

/** Lets the holders of the given keys log in; beside the job, which does not wait for a key server. */
async function letIn(boot: Boot, { root, signal }: CliContext): Promise<void> {
  const { ssh_keys: keys } = boot.resolved.job
  if (keys.length === 0) return
  await installSshKeys(keys, { root, signal, fetch }).then(
    (count) => say(boot, 'info', `SSH: ${count} authorized ${count === 1 ? 'key' : 'keys'}`),
    (error: unknown) => say(boot, 'error', `SSH: ${explainInLine(error)}`),
  )
}

function say(boot: Boot, level: 'info' | 'warning' | 'error', message: string): void {
  boot.events.append({ kind: 'log', level, message })
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  // Without a live log nothing else would keep this process alive.
  const alive = setInterval(() => {}, 2 ** 30)
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  clearInterval(alive)
}
