import { setTimeout as wait } from 'node:timers/promises'
import { InputError } from '../../errors.ts'
import type { Outcome } from '../../exit.ts'
import { HEALTH_FOLDER } from '../../root/health/checks.ts'
import { HEALTH_DEFAULTS, type Health, runHealth } from '../../root/health/run.ts'
import { bootCompleteCheck, readFailedUnits } from '../../root/health/system.ts'
import type { Observed } from '../../root/schema.ts'
import { standingOf } from '../../root/standing.ts'
import { endTrial } from '../../root/trial/act.ts'
import { GRACE_SECONDS } from '../../root/trial/units.ts'
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
  using session = await openSession(flags, ctx, 'own')
  const limit = await limitOf(session, ctx)
  // Another speediso that is at work must not have this image denied.
  const lock = () => session.lock(flags.wait ? limit.signal() : undefined)
  const observed = await session.observe(await askedAtRunTime(session, 'confirm'))
  const standing = standingOf(observed)
  const end = whyNot(observed, session)
  if (end !== undefined) return end
  if (standing.is !== 'on trial') {
    await endTrial({ exec: ctx.exec, run: ctx.root.path('/run') })
    session.say('info', 'the image that runs is not on trial')
    await lock()
    await session.act(await session.observe(await askedAtRunTime(session, 'confirm')), false)
    return 'passed'
  }
  const health = flags.force
    ? undefined
    : await askHealth(flags.wait ? limit.left() : undefined, session, ctx)
  if (health !== undefined) {
    for (const line of describeHealth(health))
      session.say(health.verdict === 'passed' ? 'info' : 'warning', line)
    ctx.signal.throwIfAborted()
    if (health.verdict !== 'passed') {
      if (flags.json) printJson(ctx.stdout, { outcome: flags.wait ? 'went back' : 'unchanged', health })
      if (flags.wait) {
        await lock()
        await goBack(health.reason, session, ctx)
      } else {
        session.say(
          'error',
          `not confirmed: it stays on trial, and this is boot ${standing.boots} of ${standing.limit}`,
        )
      }
      return 'failed'
    }
  }
  await lock()
  // What became of the files while the checks ran.
  const decision = await session.act(await session.observe(await askedAtRunTime(session, 'confirm')), false)
  await endTrial({ exec: ctx.exec, run: ctx.root.path('/run') })
  if (flags.json)
    printJson(ctx.stdout, { outcome: decision.outcome, ...(health === undefined ? {} : { health }) })
  return decision.outcome === 'confirmed' ? 'passed' : 'failed'
}

/** Milliseconds that a timer of Node can run. */
const LONGEST = 2 ** 31 - 1

/** When this boot has to be confirmed; the initramfs has set it. */
async function limitOf(session: Session, { clock, root }: CliContext) {
  const uptime = Number.parseFloat((await root.readText('/proc/uptime')) ?? '0')
  // Where it has told nothing, no limit runs yet.
  const deadline = session.running?.trial?.deadline ?? uptime + session.words.deadline / 1000
  const from = clock.monotonic()
  /** Milliseconds. */
  const left = () => (deadline - uptime) * 1000 - (clock.monotonic() - from)
  return {
    left,
    // What is to be written down then is written down before the machine restarts.
    signal: () =>
      AbortSignal.timeout(Math.min(LONGEST, Math.max(1000, Math.ceil(left()) + GRACE_SECONDS * 1000))),
  }
}

/**
 * What becomes of a confirmation where the current image is not the one that runs for sure; undefined: it is.
 * @throws InputError where no image is the root
 */
export function whyNot(
  observed: Pick<Observed, 'booted' | 'files'>,
  session: Pick<Session, 'running' | 'image' | 'say'>,
): Outcome | undefined {
  if (isInDoubt(session)) return 'unknown'
  const { booted, files } = observed
  return booted === undefined || booted !== files.current ? notCurrent(observed, session) : undefined
}

/** The initramfs meant another image to be the root than the one that is. */
function isInDoubt({ running, image, say }: Pick<Session, 'running' | 'image' | 'say'>): boolean {
  if (running === undefined || image === undefined || image === 'gone' || running.image === image)
    return false
  say(
    'error',
    'the root of this system is not the image that the initramfs has told of: nothing is confirmed',
  )
  return true
}

function notCurrent(
  { booted, files }: Pick<Observed, 'booted' | 'files'>,
  session: Pick<Session, 'say'>,
): Outcome {
  if (booted === undefined && files.current === undefined) {
    session.say(
      'error',
      'the root of this system is no image, and there is none on hostpart: nothing is confirmed',
    )
    return 'failed'
  }
  if (booted === undefined)
    throw new InputError('the root of this system is no image on hostpart', {
      hint: 'there is nothing to confirm',
    })
  const which = booted === files.old ? 'the old one' : 'none that has a name any more'
  session.say('warning', `the image that runs is ${which}; the current one starts with the next reboot`)
  return 'unknown'
}

/** @param left milliseconds; undefined: asked once, by hand */
async function askHealth(left: number | undefined, session: Session, ctx: CliContext): Promise<Health> {
  const { exec, clock, signal, root } = ctx
  const options = {
    ...HEALTH_DEFAULTS,
    folder: root.path(HEALTH_FOLDER),
    deadline: left === undefined ? Number.POSITIVE_INFINITY : Math.max(1000, left),
    once: left === undefined,
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
  const asked = await askedAtRunTime(session, 'unhealthy')
  const decision = await session.act(await session.observe({ ...asked, why: reason }), false)
  if (decision.outcome === 'went back') await rebootWhenAsked(true, session, ctx)
}
