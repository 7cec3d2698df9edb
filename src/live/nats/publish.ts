import { randomUUID } from 'node:crypto'
import pRetry from 'p-retry'
import type { EventLog } from '../../runtime/event-log.ts'
import type { Report } from '../../runtime/report.ts'
import { parseNatsUrl } from './address.ts'
import { createChange } from './change.ts'
import { connectNats } from './connect.ts'
import { natsError } from './errors.ts'
import { subjectOf } from './protocol.ts'
import { type Outbox, publishOver, type Told } from './session.ts'

export interface FleetOptions {
  /** `nats://[USER:PASSWORD@|TOKEN@]HOST[:PORT]`, or tls:// */
  url: string
  hostId: string
  /** Null: not known; a random one stands in for it. */
  bootId: string | null
  events: EventLog
  /** Told of each change of state, once. */
  say(level: 'info' | 'warning' | 'error', message: string): void
  /** Told to stop: no server that is away is waited for any more; what is connected goes on until disposed. */
  signal: AbortSignal
}

/** Disposing gives a server that is there a few seconds more to store all, and ends. */
export interface Fleet extends AsyncDisposable {
  /** Publishes the report behind the events that are there now. */
  publishReport(report: Report): void
  /** Waits until the server has stored all that there is now, at most so many milliseconds; whether it has. */
  flush(limit: number): Promise<boolean>
}

/** Waiting time between attempts, in milliseconds; it grows from one to the other. */
const SHORTEST_WAIT = 500
const LONGEST_WAIT = 15_000
/** For what is left to publish at the end, in milliseconds. */
const FAREWELL = 3000
/** A connection that held for so long was a good one: waiting starts over, in milliseconds. */
const GOOD_CONNECTION = 60_000

/**
 * Publishes the events of this host to a NATS JetStream, beside the job. The event file is the spool: a server that is
 * away costs nothing but time.
 * @throws InputError when the URL is none
 */
export function openFleet(options: FleetOptions): Fleet {
  const { events, say } = options
  const address = parseNatsUrl(options.url)
  const close = new AbortController()
  const stop = AbortSignal.any([options.signal, close.signal])
  const ended = new AbortController()
  let connected = false
  const outbox: Outbox = {
    events,
    subject: subjectOf(options.hostId),
    bootId: options.bootId ?? randomUUID(),
    acked: 0,
    stream: undefined,
    gap: false,
    report: undefined,
    change: createChange(),
  }

  // What was said becomes an event that is published in turn, so only a change is said.
  let said = ''
  const turn = (state: string, level: 'info' | 'warning' | 'error', message: string) => {
    if (said === state) return
    said = state
    say(level, `NATS: ${message}`)
  }
  const told: Told = {
    settled: () => turn('up', 'info', `events go to ${address.shown}, subject ${outbox.subject}`),
    reportTooLarge: (size, limit) =>
      say('error', `NATS: the report has ${size} bytes; ${address.shown} takes ${limit} in one message`),
  }
  const failed = (error: unknown) => {
    const { message, facts, hint } = natsError(address.shown, error)
    const level = facts.code === 'authorization' || facts.code === 'permissions' ? 'error' : 'warning'
    turn(message, level, `${message}; events wait for it${hint === undefined ? '' : `; ${hint}`}`)
  }

  const once = async () => {
    await using connection = await connectNats(address, `speediso ${options.hostId}`, stop)
    const from = performance.now()
    connected = true
    try {
      await publishOver(connection, outbox, told, close.signal)
    } catch (error) {
      if (performance.now() - from < GOOD_CONNECTION) throw error
      failed(error)
    } finally {
      connected = false
    }
  }
  const done = (async () => {
    while (!stop.aborted) {
      await pRetry(once, {
        retries: Number.POSITIVE_INFINITY,
        minTimeout: SHORTEST_WAIT,
        maxTimeout: LONGEST_WAIT,
        randomize: true,
        signal: stop,
        onFailedAttempt: ({ error }) => failed(error),
      })
    }
  })()
    .catch((error: unknown) => {
      if (!stop.aborted) say('error', `NATS: publishing ended: ${String(error)}`)
    })
    .finally(() => ended.abort())

  const flush = async (limit: number) => {
    const target = events.written
    const stored = () => outbox.acked >= target && outbox.report?.state !== 'waiting'
    await outbox.change.until(stored, AbortSignal.any([ended.signal, AbortSignal.timeout(limit)]))
    return stored() && outbox.report?.state !== 'too large'
  }

  return {
    publishReport(report) {
      outbox.report = { text: JSON.stringify(report), after: events.written, state: 'waiting' }
      outbox.change.tell()
    },
    flush,
    async [Symbol.asyncDispose]() {
      if (connected) await flush(FAREWELL)
      close.abort()
      await done
    },
  }
}
