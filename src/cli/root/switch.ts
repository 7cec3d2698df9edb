import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { InputError } from '../../errors.ts'
import type { Outcome } from '../../exit.ts'
import { writeRunning } from '../../root/running.ts'
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
  const session = await openSession(flags, ctx, flags.boot)
  if (!flags.plan) await session.lock()
  const observed = await session.observe({ occasion: 'boot' })
  const decision = await session.act(observed, flags.plan)
  if (flags.boot) await tellSystem(decision, observed, session, ctx)
  if (flags.answer !== undefined) await writeAnswer(flags.answer, decision, session)
  if (flags.json)
    printJson(ctx.stdout, {
      outcome: decision.outcome,
      boot: decision.boot ?? null,
      actions: decision.actions,
    })
  else if (!flags.boot)
    for (const line of describeDecision(decision, session.names, flags.plan)) printLine(ctx.stdout, line)
  return decision.boot === undefined ? 'failed' : 'passed'
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
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, `${lines.join('\n')}\n`)
}

/** Leaves word for the system that is about to start, and the limits that end a boot on trial. */
async function tellSystem(
  decision: Decision,
  observed: Observed,
  session: Session,
  ctx: CliContext,
): Promise<void> {
  const { boot, actions, outcome } = decision
  if (boot === undefined || boot.how !== 'mount') return
  const trial = trialOf(actions, boot.image)
  const facts = observed.record?.images[boot.image] ?? observed.facts[boot.image]
  const accepted = observed.candidate?.accepted === true && boot.image === observed.files.new
  const image = accepted && observed.candidate?.accepted ? observed.candidate.image : facts
  const deadline = session.words.deadline / 1000
  await writeRunning(ctx.root, {
    schema: 'speediso.root-running/1',
    hostpart: session.hostpart,
    realRoot: session.words.realRoot,
    image: boot.image,
    ...(image === undefined || image.id === '' ? {} : { id: image.id }),
    ...(image?.version === undefined ? {} : { version: image.version }),
    ...(trial === undefined ? {} : { trial: { boot: trial.boots, limit: trial.limit, deadline } }),
    outcome,
  })
  if (trial === undefined) return
  const uptime = Number.parseFloat((await ctx.root.readText('/proc/uptime')) ?? '0')
  const what = `boot ${trial.boots} of ${trial.limit}${image?.version === undefined ? '' : ` of ${image.version}`}`
  const { running } = await beginTrial(
    { deadline: uptime + deadline, what },
    { exec: ctx.exec, run: ctx.root.path('/run') },
  )
  if (!running)
    session.say('warning', 'the limit of this trial boot starts with the first process of the image')
}

/** The trial that this boot begins: the record that was written last says it. */
function trialOf(actions: Decision['actions'], image: string) {
  const last = actions.findLast((action) => action.do === 'record')
  const trial = last?.do === 'record' ? last.record.trial : undefined
  return trial?.image === image ? trial : undefined
}
