import type { Job } from '../../job/schema.ts'
import { maskCredentials } from '../../mask.ts'
import type { Report } from '../report.ts'
import type { ChannelDependencies, Hold } from './deps.ts'
import { openEarlier } from './earlier.ts'
import { startHeartbeat } from './heartbeat.ts'
import {
  createMessages,
  HEARTBEAT_SCHEMA,
  type Heartbeat,
  type Message,
  NOTICE_SCHEMA,
  type Notice,
  type NoticeName,
} from './message.ts'
import { createNoticeLane } from './notices.ts'
import { orAborted } from './or-aborted.ts'
import { post, type Target } from './post.ts'
import { openReportLane } from './report-lane.ts'
import { untilAccepted } from './retry.ts'
import { openSpool, type SpoolPlace } from './spool.ts'
import type { DeliveryState } from './state.ts'
import { advance, type JobView, NOTHING_YET } from './view.ts'
import { createVoice } from './voice.ts'
import { watchEvents } from './watch.ts'

/** All that goes to the server of `speediso.report=`. */
export interface Reporting extends AsyncDisposable {
  /** True once accepted; false when it was not within the time that an act waits. */
  notice(what: NoticeName, task?: string): Promise<boolean>
  deliver(report: Report): Promise<'accepted' | 'spooled'>
  /** Until the first tries of report and bundle are over. */
  sent(): Promise<void>
  /** Until nothing is lost by leaving this boot. */
  settle(hold: Hold): Promise<void>
  state(): NonNullable<DeliveryState['report']>
}

export interface ReportingOptions extends ChannelDependencies {
  job: Job
  url: string
  spool: SpoolPlace
  secrets: readonly string[]
}

export async function openReporting(options: ReportingOptions): Promise<Reporting> {
  const { job, url, identity, bootId, events, clock, signal, pace, changed } = options
  const target: Target = { ...job.report, url }
  const spool = openSpool(options.spool)
  const make = createMessages(identity.hostId, bootId, events.last)
  const count = { notices: 0, dropped: 0, heartbeats: 0, missed: 0 }
  const counted = (what: keyof typeof count) => () => {
    count[what] += 1
    changed()
  }
  const send = (message: Message, own = signal, to = target) =>
    post(message, to, options, { timeout: pace.answer[message.kind], signal: own })
  const voiceOf = (label: string, remind?: number) =>
    createVoice(label, { emit: events.append, clock, changed, ...(remind === undefined ? {} : { remind }) })
  const about = (seq: number) => ({
    host: identity.hostId,
    boot_id: bootId,
    time: new Date(clock.now()).toISOString(),
    seq,
  })

  const earlier = await openEarlier({
    spool,
    bootId,
    send: (message, to) => send(message, signal, to),
    target,
    emit: events.append,
  })
  // What earlier boots left goes first; one round of it, for a server that refuses it is not to hold up this boot.
  const first = earlier.attempt().then(
    () => true,
    () => false,
  )
  const rest = first.then((all) =>
    all
      ? true
      : untilAccepted(() => earlier.attempt(), {
          firstWait: pace.slowWait,
          limit: Number.POSITIVE_INFINITY,
          signal,
          voice: voiceOf('report of an earlier boot'),
        }),
  )

  const notices = createNoticeLane({
    after: first.then(() => {}),
    limit: pace.notice,
    signal,
    deliver: ({ message, label }, own) =>
      untilAccepted(() => send(message, own), {
        firstWait: pace.firstWait,
        longestWait: pace.longestWait,
        limit: job.report.wait,
        signal: own,
        voice: voiceOf(label),
      }),
    accepted: counted('notices'),
    dropped: counted('dropped'),
  })
  const push = (what: NoticeName, task: string | undefined, seq: number) => {
    const notice: Notice = {
      schema: NOTICE_SCHEMA,
      ...about(seq),
      what,
      ...(task === undefined ? {} : { task }),
    }
    const passes = what === 'job-started' || what === 'task-started'
    return notices.push({ message: make('notice', JSON.stringify(notice)), label: `notice ${what}`, passes })
  }

  let view: JobView = NOTHING_YET
  const watching = watchEvents(
    events,
    (event) => {
      view = advance(view, event)
      if (event.kind === 'job.start') void push('job-started', undefined, event.seq)
      if (event.kind === 'task.start') void push('task-started', event.task, event.seq)
    },
    signal,
  )

  const pulse = voiceOf('heartbeat', Number.POSITIVE_INFINITY)
  const beat = async () => {
    const heartbeat: Heartbeat = { schema: HEARTBEAT_SCHEMA, ...about(events.last), ...view }
    try {
      await send(make('heartbeat', JSON.stringify(heartbeat)))
      count.heartbeats += 1
      pulse.accepted()
    } catch (error) {
      if (signal.aborted) return
      count.missed += 1
      pulse.failed(error)
    }
  }
  const heart = startHeartbeat(pace.heartbeat, beat, counted('missed'))

  const lane = openReportLane({
    ...options,
    spool,
    make,
    send,
    before: async ({ verdict }) => {
      await watching.caughtUp()
      // There is no event of an end that an earlier process of this boot has seen.
      view = { state: 'ended', verdict }
      await notices.drained()
    },
    accepted: () => notices.overtake(),
  })

  return {
    notice: (what, task) => push(what, task, events.last),
    deliver: (report) => lane.deliver(report),
    sent: () => lane.sent(),
    settle: (hold) => lane.settle(hold),
    state() {
      const { inSpool, ...report } = lane.state()
      return {
        url: maskCredentials(url),
        ...report,
        spool: { dir: spool.dir, survives: spool.survives, holds_report: inSpool },
        earlier: earlier.waiting,
        notices: { accepted: count.notices, waiting: notices.waiting, dropped: count.dropped },
        heartbeats: { accepted: count.heartbeats, missed: count.missed, last_error: pulse.lastError },
      }
    },
    async [Symbol.asyncDispose]() {
      heart[Symbol.dispose]()
      await Promise.all([watching.done, lane.ended(), orAborted(rest, signal)])
    },
  }
}
