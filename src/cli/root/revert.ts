import type { Outcome } from '../../exit.ts'
import { type CliContext, printJson, printLine } from '../context.ts'
import { describeDecision } from './describe.ts'
import { rebootWhenAsked } from './reboot.ts'
import { askedAtRunTime, openSession, type SessionFlags } from './session.ts'

export interface RevertFlags extends SessionFlags {
  plan: boolean
  json: boolean
  reboot: boolean
}

/** Makes the old image the current one; it runs after a reboot. */
export async function run(flags: RevertFlags, ctx: CliContext): Promise<Outcome> {
  using session = await openSession(flags, ctx)
  if (!flags.plan) await session.lock()
  const observed = await session.observe(await askedAtRunTime(session, 'revert'))
  const decision = await session.act(observed, flags.plan)
  if (flags.json) printJson(ctx.stdout, { outcome: decision.outcome, actions: decision.actions })
  else for (const line of describeDecision(decision, session, flags.plan)) printLine(ctx.stdout, line)
  const done = decision.outcome === 'reverted'
  if (done && !flags.plan) await rebootWhenAsked(flags.reboot, session, ctx)
  return done ? 'passed' : 'failed'
}
