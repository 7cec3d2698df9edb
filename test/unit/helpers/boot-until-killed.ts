import { beginFakeBoot } from './begin-boot.ts'
import { hang, pass } from './tasks.ts'

// A program for tests that kill it: `node boot-until-killed.ts DIR` says `hanging` once its second step has started.
const boot = await beginFakeBoot(process.argv[2] ?? '', async (step, ctx) => {
  if (step.id === 'x-1') return pass(step, ctx)
  const hanging = hang(step, ctx)
  process.stdout.write('hanging\n')
  return hanging
})
await boot.run()
