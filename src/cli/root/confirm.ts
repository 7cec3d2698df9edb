import { setTimeout as wait } from 'node:timers/promises'
import { InputError } from '../../errors.ts'
import type { Outcome } from '../../exit.ts'
import { HEALTH_FOLDER } from '../../root/health/checks.ts'
import { HEALTH_DEFAULTS, type Health, runHealth } from '../../root/health/run.ts'
import { bootCompleteCheck, readFailedUnits } from '../../root/health/system.ts'
import type { Observed } from '../../root/schema.ts'
import { standingOf } from '../../root/standing.ts'
import { endTrial } from '../../root/trial/act.ts'
import { type CliContext, printJson } from '../context.ts'
import { rebootWhenAsked } from './reboot.ts'
import { askedAtRunTime, openSession, type Session, type SessionFlags } from './session.ts'

export interface ConfirmFlags extends SessionFlags {
  /** Until the health checks pass or the deadline of this boot comes; then go back, and reboot. */
  wait: boolean
  /** Without asking the health checks. */
  force: boolean
  json: boolean
}

/** Ends the trial of the image that runs, once its health is proved; or, when it is not in time, the image's career. */
export async function run(flags: ConfirmFlags, ctx: CliContext): Promise<Outcome> {
  if (flags.hostpart !== undefined)
    throw new InputError('--hostpart: a confirmation speaks of the image that runs, not of a folder')
  if (flags.wait && flags.force) throw new InputError('--wait and --force do not go together')
  const session = await openSession(flags, ctx)
  const observed = await session.observe(await askedAtRunTime(session, 'confirm'))
  const standing = standingOf(observed)
  if (observed.booted !== observed.files.current) return notCurrent(observed, session)
  if (standing.is !== 'on trial') {
    await endTrial({ exec: ctx.exec, run: ctx.root.path('/run') })
    session.say('info', 'the image that runs is not on trial')
    await session.lock()
    await session.act(await session.observe(await askedAtRunTime(session, 'confirm')), false)
    return 'passed'
  }
  const health = flags.force ? undefined : await askHealth(flags.wait, session, ctx)
  if (health !== undefined) {
    for (const line of describeHealth(health))
      session.say(health.verdict === 'passed' ? 'info' : 'warning', line)
    ctx.signal.throwIfAborted()
    if (health.verdict !== 'passed') {
      if (flags.json) printJson(ctx.stdout, { outcome: flags.wait ? 'went back' : 'unchanged', health })
      if (flags.wait) await goBack(health.reason, session, ctx)
      return 'failed'
    }
  }
  await session.lock()
  // What became of the files while the checks ran.
  const decision = await session.act(await session.observe(await askedAtRunTime(session, 'confirm')), false)
  await endTrial({ exec: ctx.exec, run: ctx.root.path('/run') })
  if (flags.json)
    printJson(ctx.stdout, { outcome: decision.outcome, ...(health === undefined ? {} : { health }) })
  return decision.outcome === 'confirmed' ? 'passed' : 'failed'
}

function notCurrent({ booted, files }: Observed, session: Session): Outcome {
  if (booted === undefined)
    throw new InputError('the root of this system is no image on hostpart', {
      hint: 'there is nothing to confirm',
    })
  const which = booted === files.old ? 'the old one' : 'none that has a name any more'
  session.say('warning', `the image that runs is ${which}; the current one starts with the next reboot`)
  return 'unknown'
}

async function askHealth(wait_: boolean, session: Session, ctx: CliContext): Promise<Health> {
  const { exec, clock, signal, root } = ctx
  const uptime = Number.parseFloat((await root.readText('/proc/uptime')) ?? '0')
  const trial = session.running?.trial
  // From the start of the boot on, as the limits that the initramfs has set.
  const left = (trial?.deadline ?? session.words.deadline / 1000) - uptime
  const options = {
    ...HEALTH_DEFAULTS,
    folder: root.path(HEALTH_FOLDER),
    // By hand it is asked once.
    deadline: wait_ ? Math.max(1000, left * 1000) : HEALTH_DEFAULTS.limit,
    ...(wait_ ? {} : { pause: { first: HEALTH_DEFAULTS.limit, longest: HEALTH_DEFAULTS.limit } }),
  }
  const failed = await readFailedUnits(exec, signal)
  if (failed !== undefined && failed.length > 0) session.say('warning', `failed units: ${failed.join(', ')}`)
  const sleep = (milliseconds: number, stop: AbortSignal) =>
    wait(milliseconds, undefined, { signal: stop }).catch(() => {})
  return runHealth(options, { exec, clock, signal, sleep, own: [bootCompleteCheck({ exec, clock, signal })] })
}

function describeHealth({ verdict, checks, skipped, reason }: Health): string[] {
  return [
    `health: ${verdict}: ${reason}`,
    ...checks.map(
      ({ name, verdict: each, reason: why }) => `  ${name}: ${each}${why === '' ? '' : `, ${why}`}`,
    ),
    ...skipped.map(({ name, why }) => `  ${name}: skipped, ${why}`),
  ]
}

/** Health is not to be had in time: the last confirmed image takes over, and this host reboots into it. */
async function goBack(reason: string, session: Session, ctx: CliContext): Promise<void> {
  await session.lock()
  const asked = await askedAtRunTime(session, 'unhealthy')
  const decision = await session.act(await session.observe({ ...asked, why: reason }), false)
  if (decision.outcome === 'went back') await rebootWhenAsked(true, session, ctx)
}
