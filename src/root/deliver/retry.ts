import { setTimeout as sleep } from 'node:timers/promises'
import { explainInLine } from '../../errors.ts'
import type { Clock } from '../../system/clock.ts'
import { HttpError } from '../../system/http-ask.ts'
import { DeliveryError, FinalDeliveryError } from './errors.ts'

export interface RetryPace {
  /** Milliseconds before the second attempt; each wait is times 1 to 2 by chance, and doubles up to `longestWait`. */
  firstWait: number
  longestWait: number
  /** Milliseconds without one byte more, after which it is given up. */
  limit: number
  /** The same as long as no byte has come at all: an address that is wrong is not waited for as long. */
  firstLimit?: number
}

export const DEFAULT_PACE: RetryPace = {
  firstWait: 1000,
  longestWait: 30_000,
  limit: 10 * 60_000,
  firstLimit: 60_000,
}

export interface RetryDeps {
  signal: AbortSignal
  clock: Clock
  pace: RetryPace
  /** To be called with each byte that came. */
  progressed: () => void
  /** Milliseconds of the clock, when a byte came last. */
  lastProgress: () => number
  /** Bytes here that need not come again; an attempt after which there are more makes the next pause short again. */
  brought?: () => number
  /** For that many milliseconds, or until the signal is aborted. */
  pause?: (milliseconds: number, signal: AbortSignal) => Promise<void>
  /** For people. */
  say?: (text: string) => void
}

/**
 * Attempts until one does not throw. The pauses grow as long as nothing new comes.
 * @throws the last error: a final one, or once nothing has come for so long; the signal's reason
 */
export async function withRetries(attempt: () => Promise<void>, deps: RetryDeps): Promise<void> {
  const { signal, clock, pace, say, brought = () => 0, pause = pauseFor } = deps
  let fruitless = 0
  let told: string | undefined
  const begun = deps.lastProgress()
  // What came before this has taken its own time.
  const entered = clock.monotonic()
  for (let number = 1; ; number += 1) {
    signal.throwIfAborted()
    const before = brought()
    try {
      return await attempt()
    } catch (error) {
      signal.throwIfAborted()
      const last = deps.lastProgress()
      const limit = last === begun && brought() === 0 ? (pace.firstLimit ?? pace.limit) : pace.limit
      if (!passing(error) || clock.monotonic() - Math.max(last, entered) >= limit) throw error
      fruitless = brought() > before ? 1 : fruitless + 1
      const wait = pauseAfter(fruitless, pace)
      const reason = explainInLine(error)
      const next = `attempt ${number + 1} in ${Math.max(1, Math.round(wait / 1000))} s`
      say?.(reason === told ? `the same again; ${next}` : `${reason}; ${next}`)
      told = reason
      await pause(wait, signal)
    }
  }
}

async function pauseFor(milliseconds: number, signal: AbortSignal): Promise<void> {
  // Whoever asked for the pause looks at the signal.
  await sleep(milliseconds, undefined, { signal }).catch(() => {})
}

/** Milliseconds after so many attempts that brought nothing new, the last one counted in any case. */
export function pauseAfter(fruitless: number, { firstWait, longestWait }: RetryPace): number {
  return Math.min(longestWait, firstWait * (1 + Math.random()) * 2 ** (fruitless - 1))
}

/** What a server or the network does comes and goes; what this machine says of its disk stays. */
function passing(error: unknown): boolean {
  if (error instanceof FinalDeliveryError) return false
  if (error instanceof HttpError)
    return (
      !['downgrade', 'bad-url', 'coded', 'too-large'].includes(String(error.facts.code)) && !isBlocked(error)
    )
  return error instanceof DeliveryError
}

/** fetch takes no port that belongs to another protocol (WHATWG Fetch, port blocking), and has no code for it. */
function isBlocked({ cause }: HttpError): boolean {
  const { cause: inner } = (cause ?? {}) as { cause?: unknown }
  return inner instanceof Error && inner.message === 'bad port'
}
