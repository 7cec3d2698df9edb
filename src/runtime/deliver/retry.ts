import pRetry from 'p-retry'
import { withLimit } from '../../system/limit.ts'
import type { Voice } from './voice.ts'

export interface RetryOptions {
  /** Milliseconds before the second attempt; each wait is times 1 to 2 by chance. */
  firstWait: number
  /** Waits double up to this; absent: they stay as they are. */
  longestWait?: number
  /** Milliseconds until it is given up; `Infinity`: never. */
  limit: number
  signal: AbortSignal
  voice: Voice
  /** Milliseconds for one further attempt once the signal is aborted; absent: there is none. */
  last?: number
  /** Whether to try again is of no use. */
  final?: (error: unknown) => boolean
}

/** Attempts until one does not throw: true. False once the limit is over, an error is final or the signal aborted. */
export async function untilAccepted(
  attempt: (signal: AbortSignal) => Promise<void>,
  options: RetryOptions,
): Promise<boolean> {
  const { firstWait, longestWait, limit, signal, voice, last, final = () => false } = options
  try {
    await pRetry(() => attempt(signal), {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: firstWait,
      factor: longestWait === undefined ? 1 : 2,
      ...(longestWait === undefined ? {} : { maxTimeout: longestWait }),
      randomize: true,
      maxRetryTime: limit,
      signal,
      onFailedAttempt: ({ error }) => voice.failed(error, !final(error)),
      shouldRetry: ({ error }) => !final(error),
    })
  } catch (error) {
    // The voice has said what it was.
    if (last === undefined || !signal.aborted || final(error)) return false
    try {
      await withLimit(last, new AbortController().signal, attempt)
    } catch (lastError) {
      voice.failed(lastError, false)
      return false
    }
  }
  voice.accepted()
  return true
}
