import { setTimeout as sleep } from 'node:timers/promises'
import type { StepContext } from '../../../src/runtime/task.ts'
import type { EraseDeps } from '../../../src/system/drive/deps.ts'
import type { DiskRecord } from '../journal.ts'

/** What a firmware erase needs, made of a step's context; `records` are those of the disks that it erases. */
export function firmwareDeps(
  ctx: StepContext,
  records: readonly DiskRecord[],
  { stall, suspend }: { stall: number; suspend: boolean },
): EraseDeps {
  const { root, exec, clock, signal, voice } = ctx
  return {
    ...{ root, exec, clock, signal },
    log: (level, message) => voice.log(level, message),
    progress: (percent) => {
      if (percent !== null) voice.progress(percent, 100, '%')
    },
    stallLimit: stall,
    suspendAllowed: suspend,
    journal: {
      async passwordSet(set) {
        for (const { data, save } of records) {
          data.passwordSet = set
          await save()
        }
      },
    },
    sleep: (milliseconds, until) => sleep(milliseconds, undefined, { signal: until }),
  }
}
