import { rm } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Job } from '../job/schema.ts'
import { type LiveLog, type LiveLogDependencies, openLiveLog } from '../live/open.ts'

/** The live log of a boot, which may have to move once the whole job is known. */
export interface BootLog extends AsyncDisposable {
  /** Address for people, when there is a log. */
  readonly shown: string | undefined
  readonly token: string | undefined
  /** Opens it as the job asks for; false when it is open so already. Viewers of another one are sent away, and resume. */
  open(log: Job['log']): Promise<boolean>
}

export function createBootLog(deps: LiveLogDependencies): BootLog {
  let live: LiveLog | undefined
  let asked: Job['log'] | undefined
  const close = async () => {
    await live?.[Symbol.asyncDispose]()
    live = undefined
  }
  return {
    get shown() {
      return live?.shown
    },
    get token() {
      return live?.token
    },
    async open(log) {
      if (isDeepStrictEqual(log, asked)) return false
      await close()
      live = await openLiveLog(log, deps)
      // What an earlier one has left there leads nowhere.
      if (live.shown === undefined) await rm(deps.paths.live, { force: true })
      asked = log
      return true
    },
    [Symbol.asyncDispose]: close,
  }
}
