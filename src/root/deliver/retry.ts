import pRetry from 'p-retry'
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
}

export const DEFAULT_PACE: RetryPace = { firstWait: 1000, longestWait: 30_000, limit: 10 * 60_000 }

export interface RetryDeps {
  signal: AbortSignal
  clock: Clock
  pace: RetryPace
  /** To be called with each byte that came. */
  progressed: () => void
  /** Milliseconds of the clock, when a byte came last. */
  lastProgress: () => number
  /** For people. */
  say?: (text: string) => void
}

/** Attempts until one does not throw. @throws the last error: a final one, or once nothing has come for so long */
export async function withRetries(attempt: () => Promise<void>, deps: RetryDeps): Promise<void> {
  const { signal, clock, pace, say } = deps
  await pRetry(attempt, {
    retries: Number.POSITIVE_INFINITY,
    minTimeout: pace.firstWait,
    maxTimeout: pace.longestWait,
    randomize: true,
    signal,
    shouldRetry: ({ error }) => passing(error) && clock.monotonic() - deps.lastProgress() < pace.limit,
    onFailedAttempt: ({ error }) => {
      if (passing(error)) say?.(explainInLine(error))
    },
  })
}

/** What a server or the network does comes and goes; what this machine says of its disk stays. */
function passing(error: unknown): boolean {
  if (error instanceof FinalDeliveryError) return false
  if (error instanceof HttpError)
    return !['downgrade', 'bad-url', 'coded'].includes(String(error.facts.code)) && !isBlocked(error)
  return error instanceof DeliveryError
}

/** fetch takes no port that belongs to another protocol (WHATWG Fetch, port blocking), and has no code for it. */
function isBlocked({ cause }: HttpError): boolean {
  const { cause: inner } = (cause ?? {}) as { cause?: unknown }
  return inner instanceof Error && inner.message === 'bad port'
}
