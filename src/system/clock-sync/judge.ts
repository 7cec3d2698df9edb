import { utc } from './told.ts'

/**
 * A clock that is this wrong is set, in milliseconds: five minutes, from where Kerberos refuses (RFC 4120, 3.1.3 and 8.2).
 * Certificates stand more; small errors are left to the time service of the system, which slews.
 */
export const TOLERANCE = 5 * 60_000

export interface Question {
  /** What this machine's clock says, in milliseconds since 1970. */
  now: number
  /** When the running system was made. */
  notBefore: number
  /** Who said what the time is now; absent when nobody did. */
  told?: { from: string; time: number } | undefined
  /** Why others did not. */
  refused: readonly string[]
}

export interface Judgement {
  /** Whole seconds since 1970 to set the clock to, never less than `notBefore`; absent when it is to be left alone. */
  to?: number
  by?: string
  /** Seconds to add to the clock to have the right time; absent when nobody told it. */
  offset?: number
  /** One sentence for people. */
  why: string
}

/** Whether a clock is to be set, and to what. `told` must not be before `notBefore`. */
export function judge({ now, notBefore, told, refused }: Question): Judgement {
  if (told !== undefined) {
    const offset = (told.time - now) / 1000
    const who = { by: told.from, offset }
    if (Math.abs(told.time - now) <= TOLERANCE && now >= notBefore)
      return { ...who, why: `the clock agrees with ${told.from} to ${Math.abs(offset).toFixed(1)} s` }
    const why = `the clock said ${utc(now)}, but ${told.from} says ${utc(told.time)}`
    return { ...who, to: Math.ceil(Math.max(told.time, notBefore) / 1000), why }
  }
  const nobody = refused.length === 0 ? 'there is nobody to ask' : `nobody told it (${refused.join('; ')})`
  if (now >= notBefore)
    return { why: `the clock says ${utc(now)}; whether that is right is not known: ${nobody}` }
  return {
    to: Math.ceil(notBefore / 1000),
    by: 'the time when this system was made',
    why: `the clock said ${utc(now)}, before this system was made (${utc(notBefore)}), and ${nobody}`,
  }
}
