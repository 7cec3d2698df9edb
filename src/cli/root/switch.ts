import { lstat, mkdir, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { explainInLine, InputError } from '../../errors.ts'
import type { Outcome } from '../../exit.ts'
import { RUNNING_FILE, type Running, writeRunning } from '../../root/running.ts'
import type { Decision, Observed } from '../../root/schema.ts'
import { beginTrial } from '../../root/trial/act.ts'
import { type CliContext, printJson, printLine } from '../context.ts'
import { describeDecision } from './describe.ts'
import { openSession, type Session, type SessionFlags } from './session.ts'

export interface SwitchFlags extends SessionFlags {
  /** This is the initramfs: what is decided is about to be booted. */
  boot: boolean
  /** File for the dracut hook. */
  answer: string | undefined
  plan: boolean
  json: boolean
}

/**
 * What the initramfs does with the root images on hostpart: updates, reverts, goes back, counts the boots of a trial.
 * @throws InputError when there is nothing to work on
 */
export async function run(flags: SwitchFlags, ctx: CliContext): Promise<Outcome> {
  if (flags.hostpart === undefined)
    throw new InputError('--hostpart DIR is missing', {
      hint: 'the initramfs runs it; anywhere else name the folder to work on',
    })
  if (flags.boot && flags.plan) throw new InputError('--boot and --plan do not go together')
  if (flags.answer !== undefined) await placeAnswer(flags.answer)
  using session = await openSession(flags, ctx, flags.boot ? 'boot' : 'any')
  if (!flags.plan) await session.lock()
  if (flags.boot) await rm(ctx.root.path(RUNNING_FILE), { force: true })
  const wait = flags.boot ? await whyWait(session, ctx.signal) : undefined
  const observed = await session.observe({ occasion: 'boot', ...(wait === undefined ? {} : { wait }) })
  // Whether GRUB counts comes out of itself when its count is written.
  if (flags.plan && session.counts()) await session.loader.read()
  const decision = await session.act(observed, flags.plan)
  const running = flags.boot ? await limitBoot(decision, observed, session, ctx) : undefined
  if (flags.answer !== undefined) await writeAnswer(flags.answer, decision, session)
  // Last: the system believes it, and an error before leads into what the boot loader named.
  if (running !== undefined) await writeRunning(ctx.root, running)
  if (flags.json)
    printJson(ctx.stdout, {
      outcome: decision.outcome,
      boot: decision.boot ?? null,
      actions: decision.actions,
    })
  else if (!flags.boot)
    for (const line of describeDecision(decision, session, flags.plan)) printLine(ctx.stdout, line)
  return decision.boot === undefined ? 'failed' : 'passed'
}

/**
 * GRUB has said where it counts, and begins an image that dies before its initramfs again and again when nobody tells it
 * that it is on trial. Undefined: a candidate can be taken.
 */
async function whyWait(
  { hostpart, names, words, loader }: Session,
  signal: AbortSignal,
): Promise<string | undefined> {
  // Without a current image there is nothing to wait with.
  const [current, candidate, flag] = await Promise.all(
    [names.current, names.new, names.flag].map((name) => lstat(join(hostpart, name)).catch(() => undefined)),
  )
  // Beside a request to revert it is not looked at.
  if (!words.loaderTold || current === undefined || candidate === undefined || flag !== undefined)
    return undefined
  const because = (why: string | undefined) =>
    `GRUB cannot be told of its trial (${why}); speediso root stage takes it all the same`
  try {
    await loader.read()
  } catch (error) {
    signal.throwIfAborted()
    // A boot partition that does not mount, or a disk that fails, keeps nothing else from being decided.
    return because(explainInLine(error))
  }
  return loader.missing ? because(loader.why) : undefined
}

/** Makes no folder but speediso's own. @throws InputError when there is no folder for the answer */
async function placeAnswer(path: string): Promise<void> {
  const folder = dirname(resolve(path))
  if (folder === dirname(RUNNING_FILE)) await mkdir(folder, { recursive: true })
  if ((await stat(folder).catch(() => undefined))?.isDirectory() !== true)
    throw new InputError(`--answer ${path}: there is no folder ${folder}`, { hint: 'make it first' })
}

/** Shell assignments for the hook; a boot of nothing has no answer, and the hook boots what the boot loader named. */
async function writeAnswer(
  path: string,
  { boot, actions }: Decision,
  { names, words }: Session,
): Promise<void> {
  if (boot === undefined) return
  const trial = trialOf(actions, boot.image)
  const lines = [
    `ACTION=${boot.how}`,
    `IMAGE=${names[boot.role]}`,
    `TRIAL=${trial === undefined ? '' : `${trial.boots}/${trial.limit}`}`,
    `LIMIT=${Math.round(words.deadline / 1000)}`,
  ]
  await writeFile(path, `${lines.join('\n')}\n`)
}

/** Sets the limits that end a boot on trial. What the system that is about to start has to know; undefined: none starts. */
async function limitBoot(
  decision: Decision,
  observed: Observed,
  session: Session,
  ctx: CliContext,
): Promise<Running | undefined> {
  const { boot, actions, outcome } = decision
  if (boot === undefined || boot.how !== 'mount') return undefined
  const trial = trialOf(actions, boot.image)
  const facts = observed.record?.images[boot.image] ?? observed.facts[boot.image]
  const accepted = observed.candidate?.accepted === true && boot.image === observed.files.new
  const image = accepted && observed.candidate?.accepted ? observed.candidate.image : facts
  const uptime = Number.parseFloat((await ctx.root.readText('/proc/uptime')) ?? '0')
  // From now on: what the initramfs needs, a check of hostpart above all, is no fault of the image.
  const deadline = uptime + session.words.deadline / 1000
  const running: Running = {
    schema: 'speediso.root-running/1',
    hostpart: session.hostpart,
    realRoot: session.words.realRoot,
    image: boot.image,
    ...(image === undefined || image.id === '' ? {} : { id: image.id }),
    ...(image?.version === undefined ? {} : { version: image.version }),
    ...(trial === undefined ? {} : { trial: { boot: trial.boots, limit: trial.limit, deadline } }),
    outcome,
  }
  if (trial === undefined) return running
  const what = `boot ${trial.boots} of ${trial.limit}${image?.version === undefined ? '' : ` of ${image.version}`}`
  const begun = await beginTrial({ deadline, what }, { exec: ctx.exec, run: ctx.root.path('/run') })
  if (!begun.running)
    session.say('warning', 'the limit of this trial boot starts with the first process of the image')
  return running
}

/** The trial that this boot begins: the record that was written last says it. */
function trialOf(actions: Decision['actions'], image: string) {
  const last = actions.findLast((action) => action.do === 'record')
  const trial = last?.do === 'record' ? last.record.trial : undefined
  return trial?.image === image ? trial : undefined
}
