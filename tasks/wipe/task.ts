import { type AnyTask, defineTask } from '../../src/runtime/task.ts'
import { eraseEstimate } from '../../src/system/drive/estimate.ts'
import { checkTool } from './certificate/tool.ts'
import { describeResult } from './describe-result.ts'
import { readFacts } from './facts.ts'
import { optionsSchema } from './options.ts'
import { describeWipePlan } from './plan/describe.ts'
import { planWipe } from './plan/plan.ts'
import { judgeResult, makeResult, wipeResultSchema } from './result.ts'
import type { WipeFacts, WipeKinds } from './schema.ts'
import { account, refuse } from './steps/account.ts'
import { checkDisks } from './steps/check-disks.ts'
import { clearSignaturesOf } from './steps/clear-signatures.ts'
import { erase } from './steps/erase.ts'
import { mark } from './steps/mark.ts'
import { reformat } from './steps/reformat.ts'
import { restoreSize } from './steps/restore-size.ts'
import { takeApart } from './steps/tear-down.ts'
import { unfreeze } from './steps/unfreeze.ts'
import { unlock } from './steps/unlock.ts'
import { verify } from './steps/verify.ts'

const DAY = 86_400_000

export const wipe: AnyTask = defineTask<WipeFacts, typeof optionsSchema, WipeKinds>({
  name: 'wipe',
  summary: 'Erases every disk by the strongest method that it has, and proves it',
  example: 'speediso wipe --plan --disks serial:ABC123 --level clear',
  destructive: true,
  // A disk of 30 TB takes two days to write and two to read.
  timeout: 7 * DAY,
  options: optionsSchema,
  resumes: true,
  readFacts,
  plan: (facts, options) => planWipe(facts, options, { firmwareSeconds: eraseEstimate }),
  describePlan: describeWipePlan,
  runners: {
    'check-disks': ({ params }, ctx) => checkDisks(params, ctx),
    refuse: ({ params }) => refuse(params),
    'tear-down': ({ params }, ctx) => takeApart(params, ctx),
    unfreeze: ({ params }, ctx) => unfreeze(params, ctx),
    unlock: ({ params }, ctx) => unlock(params, ctx),
    'restore-size': ({ params }, ctx) => restoreSize(params, ctx),
    reformat: ({ params }, ctx) => reformat(params, ctx),
    mark: ({ params }, ctx) => mark(params, ctx),
    erase: ({ params }, ctx) => erase(params, ctx),
    verify: ({ params }, ctx) => verify(params, ctx),
    'clear-signatures': ({ params }, ctx) => clearSignaturesOf(params, ctx),
    account: ({ params }) => account(params),
  },
  result: makeResult,
  judge: judgeResult,
  tools: { 'check-certificate': checkTool },
  describe: (result) => {
    const parsed = wipeResultSchema.safeParse(result)
    return parsed.success ? describeResult(parsed.data) : ['this is not the result of a wipe']
  },
})
