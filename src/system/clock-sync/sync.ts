import { explainInLine, TimeoutError } from '../../errors.ts'
import type { Clock } from '../clock.ts'
import type { Exec } from '../exec.ts'
import { withLimit } from '../limit.ts'
import { askHttpDate } from './http-date.ts'
import { type Judgement, judge, TOLERANCE } from './judge.ts'
import { askNtp } from './sntp.ts'
import { type Ask, implausible, median, type Told, timeNow, utc } from './told.ts'
import { chooseWebDate, type WebDate } from './web-dates.ts'

export interface ClockSyncDeps {
  exec: Exec
  clock: Clock
  signal: AbortSignal
}

export interface ClockSyncRequest {
  /** NTP servers that the job names. */
  servers: readonly string[]
  /** NTP servers that DHCP names; see readLeaseTimeServers. */
  leases: readonly string[]
  /** http and https URLs of servers that this boot uses anyway; see bootUrls. */
  urls: readonly string[]
  /** The clock is never set to an earlier time, in milliseconds since 1970; see readTimeMade. */
  notBefore: number
  deps: ClockSyncDeps
}

export interface ClockSync {
  set: boolean
  /** Who told the time. */
  by?: string
  /** Seconds by which the clock was to be put forward; negative: back. */
  offset?: number
  /** `warning`: the clock may be wrong and stays so, or is only better than it was. */
  level: Judgement['level']
  /** What was done and why, one sentence for people. */
  why: string
}

/** For each server, in milliseconds. There are at most three rounds, in which all are asked at once. */
const SERVER_LIMIT = 3000

/**
 * Puts a clock right that is far off, because a machine without a working RTC starts in another decade and then no
 * certificate is valid. Asks in rounds, and the next one only when nobody gave an answer to rely on: NTP servers (those
 * of the job count before those of DHCP), the dates of plain web servers, those of https servers. Ends within 10 s.
 * Small errors are left to systemd-timesyncd; so is one of less than a day that only one web server tells of.
 * @throws the signal's reason; everything else is told in the result
 */
export async function syncClock({
  servers,
  leases,
  urls,
  notBefore,
  deps,
}: ClockSyncRequest): Promise<ClockSync> {
  const { clock, signal } = deps
  const refused: string[] = []

  const askOne = async (ask: Ask, server: string): Promise<Told | undefined> => {
    try {
      const told = await withLimit(SERVER_LIMIT, signal, (own) => ask(server, { clock, signal: own }))
      const fault = implausible(timeNow(told, clock), notBefore)
      if (fault === undefined) return told
      refused.push(`${server}: ${fault}`)
    } catch (error) {
      signal.throwIfAborted()
      const late = error instanceof TimeoutError
      refused.push(`${server}: ${late ? `no answer within ${SERVER_LIMIT / 1000} s` : explainInLine(error)}`)
    }
    return undefined
  }
  const askAll = async (ask: Ask, names: readonly string[]): Promise<Told | undefined> => {
    const answers = await Promise.all([...new Set(names)].map((name) => askOne(ask, name)))
    return median(
      answers.filter((answer) => answer !== undefined),
      clock,
    )
  }
  const askWeb = async (names: readonly string[]): Promise<WebDate[]> => {
    const answers = [...new Set(names)].map(async (origin) => {
      const told = await askOne(askHttpDate, origin)
      return told === undefined ? [] : [{ host: new URL(origin).hostname, told }]
    })
    return (await Promise.all(answers)).flat()
  }
  const origins = (scheme: string) =>
    urls.flatMap((url) => URL.parse(url)?.origin ?? []).filter((origin) => origin.startsWith(`${scheme}:`))

  const others = leases.filter((server) => !servers.includes(server))
  const byNtp = await Promise.all([askAll(askNtp, servers), askAll(askNtp, others)])
  const judgeBy = (told: Told | undefined, alone: boolean) =>
    judge({
      now: clock.now(),
      notBefore,
      refused,
      told: told && { from: told.from, time: timeNow(told, clock), alone },
    })
  const ntp = byNtp.find((answer) => answer !== undefined)
  if (ntp !== undefined) return act(judgeBy(ntp, false), deps)

  const dates = await askWeb(origins('http'))
  const byWeb = () => {
    const chosen = chooseWebDate(dates, clock)
    return judgeBy(chosen?.told, chosen?.alone ?? false)
  }
  const judgement = byWeb()
  if (dates.length > 0 && judgement.level === 'info') return act(judgement, deps)
  // Nobody, or one whose word is not enough.
  dates.push(...(await askWeb(origins('https'))))
  return act(byWeb(), deps)
}

async function act({ to, why, level, ...about }: Judgement, deps: ClockSyncDeps): Promise<ClockSync> {
  if (to === undefined) return { set: false, ...about, level, why }
  try {
    await deps.exec('date', ['-u', '-s', `@${to}`], { timeout: SERVER_LIMIT, signal: deps.signal })
  } catch (error) {
    deps.signal.throwIfAborted()
    return {
      set: false,
      ...about,
      level: 'warning',
      why: `${why}; it cannot be set: ${explainInLine(error)}`,
    }
  }
  const now = deps.clock.now()
  if (Math.abs(now - to * 1000) > TOLERANCE)
    return { set: false, ...about, level: 'warning', why: `${why}; after setting it, it says ${utc(now)}` }
  return { set: true, ...about, level, why: `${why}; set to ${utc(to * 1000)}` }
}
