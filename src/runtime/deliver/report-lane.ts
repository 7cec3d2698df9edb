import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { formatDuration } from '../../job/duration.ts'
import type { Job } from '../../job/schema.ts'
import type { Report } from '../report.ts'
import { BUNDLE_FILE, makeBundle } from './bundle.ts'
import type { ChannelDependencies, Hold } from './deps.ts'
import type { MakeMessage, Message } from './message.ts'
import { orAborted } from './or-aborted.ts'
import { secretsOfJob } from './redact.ts'
import { untilAccepted } from './retry.ts'
import type { Spool } from './spool.ts'
import type { DeliveryState } from './state.ts'
import { createVoice, plain } from './voice.ts'

type Shown = NonNullable<DeliveryState['report']>

export interface ReportLane {
  deliver(report: Report): Promise<'accepted' | 'spooled'>
  /** Until nothing is lost by leaving this boot. */
  /** Until the first tries of report and bundle are over. */
  sent(): Promise<void>
  settle(hold: Hold): Promise<void>
  /** After the signal: until the last attempt is over. */
  ended(): Promise<void>
  state(): Pick<Shown, 'state' | 'attempts' | 'last_error' | 'bundle'> & { inSpool: boolean }
}

export interface ReportLaneOptions extends ChannelDependencies {
  job: Job
  url: string
  spool: Spool
  make: MakeMessage
  send: (message: Message, signal?: AbortSignal) => Promise<void>
  /** What the report comes after. */
  before: (report: Report) => Promise<void>
  /** Called when the report is accepted. */
  accepted: () => void
  secrets: readonly string[]
}

/** The report, and after it the bundle of a job that did not pass. */
export function openReportLane(options: ReportLaneOptions): ReportLane {
  const { job, url, spool, make, send, events, clock, paths, signal, pace, changed } = options
  const { wait } = job.report
  const say = (level: 'info' | 'warning', message: string) =>
    events.append({ kind: 'log', level, message: `report: ${message}` })
  const voice = createVoice('report', { emit: events.append, clock, changed })
  let state: Shown['state'] = 'not-yet'
  let bundle: Shown['bundle'] = 'none'
  let inSpool = false
  let first: Promise<unknown> = Promise.resolve()
  let later: Promise<unknown> = Promise.resolve()
  let bundleSent: Promise<unknown> = Promise.resolve()
  const become = (next: Shown['state']) => {
    state = next
    changed()
  }

  /** Before the first attempt, so that a power cut in the middle of one loses nothing either. */
  const keep = async (message: Message) => {
    try {
      await spool.put(message, url, clock.now())
      inSpool = true
    } catch (error) {
      const code = (error as { cause?: { code?: string } }).cause?.code ?? 'error'
      say('warning', `${plain(error)} (${code}); it is kept in memory`)
    }
  }

  const gather = async (report: Report): Promise<Message | undefined> => {
    try {
      const secrets = [...options.secrets, ...secretsOfJob(job)]
      const bytes = await makeBundle(report, { ...options, secrets })
      await writeFile(join(paths.dir, BUNDLE_FILE), bytes, { mode: 0o600 })
      bundle = 'made'
      return make('bundle', bytes, '1')
    } catch (error) {
      say('warning', `there is no failure bundle: ${plain(error)}`)
      return undefined
    }
  }
  const sendBundle = async (gathered: Promise<Message | undefined>) => {
    const message = await gathered
    if (message === undefined) return
    // The reboot that may wait for it must not wait longer, whatever the server does.
    const own = AbortSignal.any([signal, AbortSignal.timeout(pace.bundle)])
    const said = createVoice('failure bundle', { emit: events.append, clock })
    const { firstWait, longestWait } = pace
    const retrying = { firstWait, longestWait, limit: pace.bundle, signal: own, voice: said }
    const accepted = await untilAccepted(() => send(message, own), retrying)
    bundle = accepted ? 'accepted' : 'not-accepted'
    if (!accepted && !signal.aborted) {
      say('warning', `the failure bundle is not accepted; it is at ${join(paths.dir, BUNDLE_FILE)}`)
    }
    changed()
  }

  const deliver = async (report: Report): Promise<'accepted' | 'spooled'> => {
    const until = clock.monotonic() + wait
    const message = make('report', JSON.stringify(report), '1')
    const notPassed = report.verdict === 'failed' || report.verdict === 'unknown'
    const gathered = notPassed && !signal.aborted ? gather(report) : Promise.resolve(undefined)
    become('trying')
    await keep(message)
    await options.before(report)
    const attempt = (own: AbortSignal) => send(message, own)
    const accepted = async () => {
      become('accepted')
      options.accepted()
      bundleSent = sendBundle(gathered)
      await spool.remove(message.id).catch((error: unknown) => say('warning', plain(error)))
      inSpool = false
      changed()
    }
    const limit = Math.max(0, until - clock.monotonic())
    if (await untilAccepted(attempt, { ...pace, limit, signal, voice })) {
      await accepted()
      return 'accepted'
    }
    become('kept')
    if (signal.aborted) return 'spooled'
    if (!inSpool) await keep(message)
    say('warning', `not accepted within ${formatDuration(wait)}; it is kept, and tried every few minutes`)
    const slowly = {
      firstWait: pace.slowWait,
      limit: Number.POSITIVE_INFINITY,
      last: pace.last,
      signal,
      voice,
    }
    later = untilAccepted(attempt, slowly).then((done) => (done ? accepted() : undefined))
    return 'spooled'
  }

  return {
    state: () => ({ state, attempts: voice.attempts, last_error: voice.lastError, bundle, inSpool }),
    deliver(report) {
      const delivering = deliver(report)
      first = delivering
      return delivering
    },
    async settle(hold) {
      await orAborted(first, signal)
      if (state === 'kept' && !(inSpool && spool.survives)) {
        hold('the report is not accepted, and would be lost with this boot')
        await orAborted(later, signal)
      }
      await orAborted(bundleSent, signal)
    },
    async sent() {
      await orAborted(first, signal)
      await orAborted(bundleSent, signal)
    },
    async ended() {
      await first
      await later
    },
  }
}
