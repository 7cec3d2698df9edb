import pRetry from 'p-retry'
import { formatDuration } from '../job/duration.ts'
import { shownUrl } from './address.ts'
import {
  type ConnectOptions,
  connectLive,
  type LiveConnection,
  type LiveMessage,
  readEvent,
} from './client.ts'
import { UnreachableError } from './failure.ts'

export interface FollowLiveOptions extends ConnectOptions {
  /** Keeps trying until the host answers for the first time. */
  wait: boolean
  /** Tells people what happens to the connection, and to the log as a whole. */
  notice: (message: string) => void
  /** Milliseconds after which a log that was lost is given up. */
  patience?: number
  /** Milliseconds before the second try; doubled with each one up to `slowest`, and up to twice as long by chance. */
  quickest?: number
  slowest?: number
}

/** A server takes as long to be booted anew. */
const PATIENCE = 15 * 60_000

/**
 * Follows a live log over every interruption: goes on after the last event that it has, and with event 1 when the host
 * was booted anew. Ends when the log ends after `job.end`, or by the signal.
 * @throws UnreachableError when there is no connection at first, or none again within the patience
 * @throws InputError, NotALogError as `connectLive`
 */
export async function* followLive(from: URL, options: FollowLiveOptions): AsyncGenerator<LiveMessage> {
  const { signal, notice, wait } = options
  const url = new URL(from)
  let seen = Number(url.searchParams.get('since'))
  let boot: string | null | undefined
  let jobEnded = false
  let failure: Error | undefined

  try {
    for (;;) {
      using connection = await connectAgain(url, failure, wait, options)
      const { hello } = connection
      if (boot !== undefined && boot !== hello.boot_id) {
        notice('the host was booted anew; what follows is the log of this boot, from its first event')
        boot = undefined
        jobEnded = false
        seen = 0
        url.searchParams.set('since', '0')
        continue
      }
      if (hello.last < seen) {
        notice(`the log holds ${hello.last} events and not ${seen}; what follows is what is new`)
        seen = hello.last
      }
      boot = hello.boot_id
      if (failure !== undefined) notice(`${shownUrl(url)}: connected again`)
      yield { hello }
      failure = undefined
      try {
        for await (const line of connection.lines()) {
          const event = readEvent(line)
          if (event === undefined || event.seq <= seen) continue
          if (event.seq > seen + 1) notice(lost(seen + 1, event.seq - 1))
          seen = event.seq
          jobEnded ||= event.kind === 'job.end'
          yield { event, line }
        }
      } catch (error) {
        if (!(error instanceof UnreachableError)) throw error
        failure = error
      }
      if (jobEnded || signal.aborted) return
      failure ??= new UnreachableError(`${shownUrl(url)}: the log ended, and its job did not`)
      notice(`${failure.message}; trying to go on after event ${seen}`)
      url.searchParams.set('since', String(seen))
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/** Connects; after a failure, or when told to wait, until it succeeds. */
async function connectAgain(
  url: URL,
  failure: Error | undefined,
  wait: boolean,
  options: FollowLiveOptions,
): Promise<LiveConnection> {
  const { notice, signal, patience = PATIENCE, quickest = 250, slowest = 15_000 } = options
  if (failure === undefined && !wait) return connectLive(url, options)
  let told: string | undefined
  return pRetry(() => connectLive(url, options), {
    retries: Number.POSITIVE_INFINITY,
    minTimeout: quickest,
    maxTimeout: slowest,
    randomize: true,
    signal,
    ...(failure === undefined ? {} : { maxRetryTime: patience }),
    shouldRetry: ({ error }) => error instanceof UnreachableError,
    onFailedAttempt: ({ error }) => {
      // Each reason once, and not each try.
      if (error instanceof UnreachableError && error.message !== told)
        notice(`${error.message}; trying again`)
      told = error.message
    },
  }).catch((cause: unknown) => {
    if (failure === undefined || !(cause instanceof UnreachableError)) throw cause
    throw new UnreachableError(
      `${shownUrl(url)}: lost, and not found again within ${formatDuration(patience)}`,
      {
        cause,
      },
    )
  })
}

function lost(first: number, last: number): string {
  const what = first === last ? `event ${first} is` : `events ${first} to ${last} are`
  return `${what} lost: the event file of the host was damaged`
}
