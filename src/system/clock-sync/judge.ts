import { implausible, utc } from './told.ts'

/**
 * A clock that is this wrong is set, in milliseconds: five minutes, from where Kerberos refuses (RFC 4120, 3.1.3 and 8.2).
 * Certificates stand more; small errors are left to the time service of the system, which slews.
 */
export const TOLERANCE = 5 * 60_000

/** A web server alone moves a clock that may be right only when that is wrong by more, as without a battery; milliseconds. */
const BELIEVABLE = 24 * 3_600_000

/**
 * systemd puts a clock that is before the image's time (clock-epoch) to that time: one that is no later than this behind
 * it is most likely such a one, and tells nothing; milliseconds.
 */
const RAISED = 3_600_000

export interface Question {
  /** What this machine's clock says, in milliseconds since 1970. */
  now: number
  /** When the running system was made. */
  notBefore: number
  /** Who said what the time is now; absent when nobody did. `alone`: a web server that no other one agrees with. */
  told?: { from: string; time: number; alone: boolean } | undefined
  /** Why others did not. */
  refused: readonly string[]
}

export interface Judgement {
  /** Whole seconds since 1970 to set the clock to, never less than `notBefore`; absent when it is to be left alone. */
  to?: number
  by?: string
  /** Seconds to add to the clock to have the right time; absent when nobody told it. */
  offset?: number
  /** `warning`: the clock may be wrong and stays so, or is only better than it was. */
  level: 'info' | 'warning'
  /** One sentence for people. */
  why: string
}

/** Whether a clock is to be set, and to what. `told` must not be before `notBefore`. */
export function judge({ now, notBefore, told, refused }: Question): Judgement {
  if (told !== undefined) {
    const off = Math.abs(told.time - now)
    const offset = (told.time - now) / 1000
    const who = { by: told.from, offset }
    if (off <= TOLERANCE && now >= notBefore)
      return {
        ...who,
        level: 'info',
        why: `the clock agrees with ${told.from} to ${Math.abs(offset).toFixed(1)} s`,
      }
    if (told.alone && off <= BELIEVABLE && implausible(now, notBefore + RAISED) === undefined) {
      const differ = `the clock says ${utc(now)} and ${told.from} says ${utc(told.time)}`
      const why = `${differ}; the clock is left alone, because one web server is not enough to set it by`
      return { ...who, level: 'warning', why }
    }
    const why = `the clock said ${utc(now)}, but ${told.from} says ${utc(told.time)}`
    return { ...who, to: Math.ceil(Math.max(told.time, notBefore) / 1000), level: 'info', why }
  }
  const nobody = refused.length === 0 ? 'there is nobody to ask' : `nobody told it (${refused.join('; ')})`
  if (now >= notBefore) {
    const why = `the clock says ${utc(now)}; whether that is right is not known: ${nobody}`
    return { level: 'info', why }
  }
  return {
    to: Math.ceil(notBefore / 1000),
    by: 'the time when this system was made',
    level: 'warning',
    why: `the clock said ${utc(now)}, before this system was made (${utc(notBefore)}), and ${nobody}`,
  }
}
