import type { JsMsg } from '@nats-io/jetstream'
import pRetry from 'p-retry'
import { InputError } from '../../errors.ts'
import { type Event, eventSchema } from '../../runtime/events.ts'
import { parseNatsUrl } from './address.ts'
import { connectNats } from './connect.ts'
import { natsError } from './errors.ts'
import { lastMessages, openMessages } from './messages.ts'
import { unpackText } from './payload.ts'
import { HEADER, STREAM, SUBJECTS, subjectOf } from './protocol.ts'

export interface FollowFleetOptions {
  /** `nats://[USER:PASSWORD@|TOKEN@]HOST[:PORT]`, or tls:// */
  url: string
  /** Host id; absent: all hosts. */
  host?: string | undefined
  /** Only events of that host's boot numbered above it. */
  since?: number | undefined
  signal: AbortSignal
  /** Told, for people, when the connection is lost, when it is back, and of messages that cannot be read. */
  tell?: (message: string) => void
}

export interface FleetEvent {
  /** Host id. */
  host: string
  event: Event
}

/** Waiting time between attempts to connect again, in milliseconds. */
const SHORTEST_WAIT = 250
const LONGEST_WAIT = 10_000

/**
 * The events of all hosts, or of one: of each its current boot as far as it is stored, then each new one as it comes.
 * Those of one host end with its `job.end`; those of all, with the signal. A server that goes away is waited for.
 * @throws InputError when the URL is none, or `since` comes without a host
 * @throws NatsError when there is no connection at first, or nothing to follow on that server
 */
export async function* followFleet(options: FollowFleetOptions): AsyncGenerator<FleetEvent> {
  const { host, since = 0, signal, tell } = options
  if (since > 0 && host === undefined)
    throw new InputError('numbers of events are those of one host', { hint: 'write --host ID with --since' })
  const address = parseNatsUrl(options.url)
  const subject = host === undefined ? SUBJECTS : subjectOf(host)
  let boots: CurrentBoots = new Map()
  let place = { stream: '', next: 1 }

  const begin = async () => {
    const connection = await connectNats(address, 'speediso log', signal)
    try {
      const { created } = await connection.manager.streams.info(STREAM)
      if (created !== place.stream) {
        boots = new Map()
        for await (const message of lastMessages(connection, subject)) isCurrent(message, boots)
        place = { stream: created, next: 1 }
      }
      return { connection, messages: await openMessages(connection, subject, place.next, signal) }
    } catch (error) {
      await connection[Symbol.asyncDispose]()
      throw natsError(address.shown, error)
    }
  }

  try {
    let reading = await begin()
    for (;;) {
      await using connection = reading.connection
      for await (const message of reading.messages) {
        place.next = message.seq + 1
        if (message.headers?.get(HEADER.kind) !== 'event' || !isCurrent(message, boots)) continue
        if (Number(message.headers.get(HEADER.seq)) <= since) continue
        const event = await readEvent(message)
        if (event === undefined) tell?.(`${message.subject}: a message that is no event was left out`)
        else yield { host: event.host, event }
        if (host !== undefined && event?.kind === 'job.end') return
      }
      if (signal.aborted) return
      tell?.(`${natsError(address.shown, connection.lost.reason).message}; waiting for it`)
      reading = await pRetry(begin, {
        retries: Number.POSITIVE_INFINITY,
        minTimeout: SHORTEST_WAIT,
        maxTimeout: LONGEST_WAIT,
        randomize: true,
        signal,
      })
      tell?.(`${address.shown}: connected again`)
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/** By subject: the boot whose events are shown, and the sequence number by which that is known. */
type CurrentBoots = Map<string, { boot: string; seq: number }>

/** Whether a message is of its host's current boot; one that comes later than what is known begins a new one. */
function isCurrent({ subject, seq, headers }: JsMsg, boots: CurrentBoots): boolean {
  const boot = headers?.get(HEADER.boot) ?? ''
  const known = boots.get(subject)
  if (known?.boot === boot) return true
  if (known !== undefined && seq < known.seq) return false
  boots.set(subject, { boot, seq })
  return true
}

async function readEvent({ data, headers }: JsMsg): Promise<Event | undefined> {
  try {
    const text = await unpackText({ data, encoding: headers?.get(HEADER.encoding) ?? '' })
    return eventSchema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}
