import type { StepContext, StepOutcome } from '../../../src/runtime/task.ts'
import { holdersLeft, tearDown } from '../../../src/system/block/stack/tear-down.ts'
import { mistaken } from '../identify.ts'
import type { WipeKinds } from '../schema.ts'

/** Takes apart what stands on the disks, and looks whether anything still holds them. */
export async function takeApart(params: WipeKinds['tear-down'], ctx: StepContext): Promise<StepOutcome> {
  const { disks, actions } = params
  for (const disk of disks) {
    const wrong = await mistaken(disk, ctx)
    if (wrong !== undefined) return { verdict: 'failed', reason: wrong, evidence: {} }
  }
  const names = disks.map(({ name }) => name)
  const { done, failed } = await tearDown(actions, { ...ctx, log: ctx.voice.log, disks: names })
  const left = await holdersLeft(ctx.root, names, ctx)
  const evidence = { done, failed, left }
  if (left.length === 0) return { verdict: 'passed', evidence }
  const why = failed.map(({ error }) => error)
  return { verdict: 'failed', reason: `still in use: ${[...left, ...why].join('; ')}`, evidence }
}
