import { maskCredentials } from '../../job/mask.ts'
import type { Job } from '../../job/schema.ts'
import type { Report } from '../report.ts'
import type { ChannelDependencies, Hold } from './deps.ts'
import { callBuilt, ForemanRefusal, gatherFacts, uploadFacts } from './foreman.ts'
import { orAborted } from './or-aborted.ts'
import { untilAccepted } from './retry.ts'
import type { DeliveryState } from './state.ts'
import { createVoice } from './voice.ts'

export interface ForemanChannel {
  deliver(report: Report): Promise<void>
  /** Until nothing is lost by leaving this boot. */
  settle(hold: Hold): Promise<void>
  state(): NonNullable<DeliveryState['foreman']>
}

/**
 * Tells Foreman, and retries. A job with a token is one of a host that Foreman has in build mode: it gets the `built`
 * call when the job passed, and no facts, for those would make a second host of it. Without a token the host is one to be
 * discovered: its facts are uploaded.
 */
export function openForeman(
  { url, token }: Job['foreman'] & { url: string },
  wait: number,
  deps: ChannelDependencies,
): ForemanChannel {
  const { events, http, clock, signal, pace, changed } = deps
  const say = (level: 'info' | 'warning', message: string) =>
    events.append({ kind: 'log', level, message: `Foreman: ${message}` })
  const voice = createVoice('Foreman', { emit: events.append, clock, changed })
  const request = { http, signal, timeout: pace.answer.foreman }
  const call = token === null ? 'facts' : 'built'
  let state: ReturnType<ForemanChannel['state']>['state'] = 'not-yet'
  let first: Promise<void> | undefined
  let later: Promise<void> | undefined
  const become = (next: typeof state) => {
    state = next
    changed()
  }

  const built = async (known: string) => {
    const attempt = async () => {
      if (!(await callBuilt(url, known, request))) say('info', 'this host is not in build mode')
    }
    if (await untilAccepted(attempt, { ...pace, limit: wait, signal, voice })) return become('accepted')
    later = untilAccepted(attempt, {
      firstWait: pace.slowWait,
      limit: Number.POSITIVE_INFINITY,
      signal,
      voice,
    }).then((accepted) => {
      if (accepted) become('accepted')
    })
  }
  const facts = async (report: Report) => {
    const gathered = await gatherFacts(report, deps)
    const final = (error: unknown) => error instanceof ForemanRefusal
    const attempt = () => uploadFacts(url, gathered, request)
    const accepted = await untilAccepted(attempt, { ...pace, limit: wait, signal, voice, final })
    become(accepted ? 'accepted' : 'refused')
    if (!accepted && !signal.aborted) say('warning', 'it does not have the facts of this host')
  }

  return {
    state: () => ({ url: maskCredentials(url), call, state, last_error: voice.lastError }),
    deliver(report) {
      if (token !== null && report.verdict !== 'passed') {
        say('warning', 'not told that the host is built: the job did not pass')
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
  }
}
