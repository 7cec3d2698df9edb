import type { Job } from '../../job/schema.ts'
import { maskCredentials } from '../../mask.ts'
import type { Report } from '../report.ts'
import type { ChannelDependencies, Hold } from './deps.ts'
import { callBuilt, ForemanRefusal, gatherFacts, mayHaveArrived, uploadFacts } from './foreman.ts'
import { orAborted } from './or-aborted.ts'
import { RefusedError } from './post.ts'
import { untilAccepted } from './retry.ts'
import type { DeliveryState } from './state.ts'
import { createVoice } from './voice.ts'

export interface ForemanChannel {
  deliver(report: Report): Promise<void>
  /** Until nothing is lost by leaving this boot. */
  settle(hold: Hold): Promise<void>
  /** After the signal: until the last attempt is over. */
  ended(): Promise<void>
  state(): ForemanState
}

type ForemanState = NonNullable<DeliveryState['foreman']>

export interface ForemanOptions {
  /** Milliseconds in which it is to be accepted. */
  wait: number
  /** Only says what it would tell. */
  trial: boolean
  /** What an earlier process of this boot has left. */
  earlier: ForemanState | null
}

/**
 * Tells Foreman, and retries. A job with a token is one of a host that Foreman has in build mode: it gets the `built`
 * call when the job passed, and no facts, for those would make a second host of it. Without a token the host is one to be
 * discovered: its facts are uploaded.
 */
export function openForeman(
  { url, token }: Job['foreman'] & { url: string },
  { wait, trial, earlier }: ForemanOptions,
  deps: ChannelDependencies,
): ForemanChannel {
  const { events, http, clock, signal, pace, changed } = deps
  const { firstWait, longestWait, slowWait, last } = pace
  const say = (level: 'info' | 'warning', message: string) =>
    events.append({ kind: 'log', level, message: `Foreman: ${message}` })
  const voice = createVoice('Foreman', { emit: events.append, clock, changed })
  const request = { http, timeout: pace.answer.foreman }
  const call = token === null ? 'facts' : 'built'
  let state: ForemanState['state'] = 'not-yet'
  let underWay = false
  let wrong = false
  let arrived = earlier !== null && (earlier.may_have_arrived || earlier.state === 'accepted')
  let first: Promise<void> | undefined
  let later: Promise<void> | undefined
  const become = (next: typeof state) => {
    state = next
    changed()
  }

  const built = async (known: string) => {
    const attempt = async (own: AbortSignal) => {
      // Written down before, for a process that is killed in the middle.
      underWay = true
      changed()
      try {
        if (!(await callBuilt(url, known, { ...request, signal: own })))
          say('info', 'this host is not in build mode')
        arrived = true
      } catch (error) {
        // Foreman takes back the token when a host leaves build mode: it has heard a call whose answer was lost.
        const unknown = error instanceof RefusedError && error.status === 404
        if (!(unknown && arrived)) {
          // A token that it never knew is not lost by what comes later.
          wrong ||= unknown
          arrived ||= !wrong && mayHaveArrived(error)
          throw error
        }
        say(
          'warning',
          'it no longer knows the token: an earlier call, whose answer was lost, counts as accepted',
        )
      } finally {
        underWay = false
        changed()
      }
    }
    const trying = { firstWait, longestWait, limit: wait, last, signal, voice }
    if (await untilAccepted(attempt, trying)) return become('accepted')
    if (signal.aborted) return
    later = untilAccepted(attempt, {
      firstWait: slowWait,
      limit: Number.POSITIVE_INFINITY,
      last,
      signal,
      voice,
    }).then((accepted) => {
      if (accepted) become('accepted')
    })
  }
  const facts = async (report: Report) => {
    const gathered = await gatherFacts(report, deps)
    let refused = false
    const final = (error: unknown) => {
      refused = error instanceof ForemanRefusal
      return refused
    }
    const attempt = (own: AbortSignal) => uploadFacts(url, gathered, { ...request, signal: own })
    const trying = { firstWait, longestWait, limit: wait, signal, voice, final }
    const accepted = await untilAccepted(attempt, trying)
    become(accepted ? 'accepted' : refused ? 'refused' : 'not-accepted')
    if (!accepted && !signal.aborted) say('warning', 'it does not have the facts of this host')
  }

  return {
    state: () => ({
      url: maskCredentials(url),
      call,
      state,
      may_have_arrived: arrived || (underWay && !wrong),
      last_error: voice.lastError,
    }),
    deliver(report) {
      if (token !== null && report.verdict !== 'passed') {
        say('warning', 'not told that the host is built: the job did not pass')
        return Promise.resolve()
      }
      if (trial) {
        const what = token === null ? 'the facts of this host' : 'that this host is built'
        events.append({ kind: 'log', level: 'info', message: `a real boot would now tell Foreman ${what}` })
        return Promise.resolve()
      }
      become('trying')
      first = token === null ? facts(report) : built(token)
      return first
    },
    async settle(hold) {
      await first
      if (later === undefined || state === 'accepted') return
      hold('Foreman does not know that this host is built, and would have it installed again')
      await orAborted(later, signal)
    },
    async ended() {
      await first
      await later
    },
  }
}
