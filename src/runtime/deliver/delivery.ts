import { join } from 'node:path'
import type { AfterAction, Job } from '../../job/schema.ts'
import type { Report } from '../report.ts'
import type { ChannelDependencies } from './deps.ts'
import { type ForemanChannel, openForeman } from './foreman-channel.ts'
import { NOTICE_OF, type NoticeName } from './message.ts'
import { DEFAULT_PACE, type Pace } from './pace.ts'
import { openReporting, type Reporting } from './reporting.ts'
import { chooseSpool, type SpoolPlace } from './spool.ts'
import { createStateFile, DELIVERY_SCHEMA, type DeliveryState, readState, STATE_FILE } from './state.ts'

export interface DeliveryOptions extends Omit<ChannelDependencies, 'pace' | 'changed'> {
  job: Job
  /** Default: on hostpart when there is one, else in the folder of the boot. */
  spool?: SpoolPlace
  /** Besides those of the job: what was masked wherever it was given, a random token. They go into no bundle. */
  secrets?: readonly string[]
  /** Foreman, which would act on it, is not called; the log says what it would be told. */
  trial?: boolean
  pace?: Partial<Pace>
}

/** Tells the provisioning system what becomes of this boot. Never throws: what cannot be delivered is said in the log. */
export interface Delivery extends AsyncDisposable {
  /** `job-started` and `task-started` go out by themselves. True once accepted; false when it was not within 60 s. */
  notice(what: NoticeName, task?: string): Promise<boolean>
  /**
   * The outcome. `accepted`: the server has it. `spooled`: not within job.report.wait; it is kept and tried on. `nowhere`:
   * there is no such server. When the job did not pass, a bundle of logs follows the report. Once told to stop, it is
   * tried once more, for at most pace.last.
   */
  deliver(report: Report): Promise<'accepted' | 'spooled' | 'nowhere'>
  /**
   * Waits until the outcome is known, or lies where it outlives this boot, and the notice of the act is accepted or has
   * had its 60 s. True: the act may be done. False: told to stop while waiting.
   */
  beforeAfter(action: AfterAction): Promise<boolean>
  /** Until the bundle is sent as well, or given up. */
  sent(): Promise<void>
  state(): DeliveryState
}

/** Nothing asked for: does nothing and costs nothing. */
export async function createDelivery(options: DeliveryOptions): Promise<Delivery> {
  const { job, paths, clock, events } = options
  const { url } = job.report
  const { url: foremanUrl } = job.foreman
  const own = new AbortController()
  const signal = AbortSignal.any([options.signal, own.signal])
  let held: string | null = null
  let reporting: Reporting | undefined
  let foreman: ForemanChannel | undefined
  const state = (): DeliveryState => ({
    schema: DELIVERY_SCHEMA,
    time: new Date(clock.now()).toISOString(),
    report: reporting?.state() ?? null,
    foreman: foreman?.state() ?? null,
    held,
  })
  if (url === null && foremanUrl === null) {
    return {
      notice: async () => false,
      deliver: async () => 'nowhere',
      beforeAfter: async () => true,
      async sent() {},
      state,
      async [Symbol.asyncDispose]() {},
    }
  }

  const path = join(paths.dir, STATE_FILE)
  const file = createStateFile(path, state)
  const pace = { ...DEFAULT_PACE, ...options.pace }
  const deps = { ...options, signal, pace, changed: () => file.save() }
  if (foremanUrl !== null) {
    const earlier = (await readState(path))?.foreman ?? null
    const { trial = false } = options
    foreman = openForeman(
      { ...job.foreman, url: foremanUrl },
      { wait: job.report.wait, trial, earlier },
      deps,
    )
  }
  if (url !== null) {
    const spool = options.spool ?? (await chooseSpool(options.root, paths.dir))
    reporting = await openReporting({ ...deps, url, spool, secrets: options.secrets ?? [] })
  }
  file.save()

  return {
    state,
    notice: async (what, task) => (await reporting?.notice(what, task)) ?? false,
    async deliver(report) {
      const [outcome] = await Promise.all([reporting?.deliver(report), foreman?.deliver(report)])
      return outcome ?? 'nowhere'
    },
    sent: async () => reporting?.sent(),
    async beforeAfter(action) {
      if (action === 'stay') return true
      const hold = (why: string) => {
        held = action
        file.save()
        const message = `${action} waits: ${why}; the machine stays up and reachable, and goes on trying`
        events.append({ kind: 'log', level: 'error', message })
      }
      await Promise.all([reporting?.settle(hold), foreman?.settle(hold)])
      held = null
      file.save()
      if (signal.aborted) return false
      await reporting?.notice(NOTICE_OF[action])
      return !signal.aborted
    },
    async [Symbol.asyncDispose]() {
      own.abort()
      await Promise.all([reporting?.[Symbol.asyncDispose](), foreman?.ended()])
      await file[Symbol.asyncDispose]()
    },
  }
}
