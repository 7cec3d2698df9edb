import type { JetStreamPublishOptions } from '@nats-io/jetstream'
import type { EventLog } from '../../runtime/event-log.ts'
import { followEvents } from '../../runtime/follow.ts'
import type { Change } from './change.ts'
import type { Connection } from './connect.ts'
import { NatsError, natsError } from './errors.ts'
import { type Payload, packEvent, packText } from './payload.ts'
import { HEADER, STREAM } from './protocol.ts'
import { lastStored, openStream } from './stream.ts'

/** What is published, and how far that has come; it outlives connections. */
export interface Outbox {
  events: EventLog
  subject: string
  bootId: string
  /** Every event up to it is in the stream. */
  acked: number
  /** When the stream was made that it is in. */
  stream: string | undefined
  /** The server refused an event and took later ones: its last event does not tell what it holds. */
  gap: boolean
  report: { text: string; after: number; state: 'waiting' | 'stored' | 'too large' } | undefined
  change: Change
}

export interface Told {
  /** The server takes what it is given; called with each message that it took. */
  settled(): void
  /** The report is larger than the server takes, even compressed; in bytes. */
  reportTooLarge(size: number, limit: number): void
}

/** At most this much is under way without an acknowledgement. */
const MESSAGES_UNDER_WAY = 256
const BYTES_UNDER_WAY = 8 * 1024 * 1024

/** Room for subject and headers within the server's limit for a message, in bytes. */
const HEADER_ROOM = 1024

/**
 * Publishes over one connection, in order, from the first event that the stream does not hold, until the connection
 * breaks or the signal.
 * @throws NatsError
 */
export async function publishOver(
  connection: Connection,
  outbox: Outbox,
  told: Told,
  signal: AbortSignal,
): Promise<void> {
  const { nats, jetstream, shown } = connection
  const { events, subject, bootId, change } = outbox
  const info = await openStream(connection)
  const stored = await lastStored(connection, subject, bootId)
  if (outbox.stream !== undefined && outbox.stream !== info.created) outbox.acked = 0
  outbox.stream = info.created
  if (stored !== undefined && !outbox.gap) outbox.acked = stored
  const { headers } = await import('@nats-io/transport-node')

  const failed = new AbortController()
  const end = AbortSignal.any([signal, connection.lost, failed.signal])
  const limits = [nats.info?.max_payload ?? Infinity, info.config.max_msg_size].filter((size) => size > 0)
  const limit = Math.min(...limits) - HEADER_ROOM
  const underWay: { seq: number; stored: boolean }[] = []
  let bytes = 0
  let sent = outbox.acked

  const publish = async (kind: 'event' | 'report', id: string, { data, encoding }: Payload) => {
    const head = headers()
    head.set(HEADER.kind, kind)
    head.set(HEADER.boot, bootId)
    head.set(HEADER.seq, String(sent))
    if (encoding !== undefined) head.set(HEADER.encoding, encoding)
    const options: Partial<JetStreamPublishOptions> = { msgID: `${bootId}:${id}`, headers: head }
    try {
      const ack = await jetstream.publish(subject, data, options)
      if (ack.stream === STREAM) return
      throw new NatsError(`${shown}: ${subject} goes to the stream ${ack.stream}, not to ${STREAM}`, {
        facts: { code: 'no-stream' },
      })
    } catch (cause) {
      throw refusal(connection, subject, cause)
    }
  }

  const publishEvent = async (seq: number, line: string) => {
    const payload = await packEvent(line, limit)
    sent = seq
    bytes += payload.data.length
    const entry = { seq, stored: false }
    underWay.push(entry)
    void publish('event', String(seq), payload)
      .then(
        () => {
          entry.stored = true
          bytes -= payload.data.length
          while (underWay[0]?.stored) outbox.acked = underWay.shift()?.seq ?? outbox.acked
          if (underWay.length === 0) outbox.gap = false
          told.settled()
        },
        (error: NatsError) => {
          outbox.gap ||= error.facts.code === 'refused-message'
          failed.abort(error)
        },
      )
      .finally(change.tell)
  }

  const publishReports = async () => {
    const due = () => outbox.report?.state === 'waiting' && outbox.acked >= outbox.report.after
    for (;;) {
      await change.until(due, end)
      const { report } = outbox
      if (report === undefined || end.aborted) return
      const payload = await packText(report.text, limit)
      if (payload !== undefined) await publish('report', 'report', payload)
      else told.reportTooLarge(Buffer.byteLength(report.text), limit)
      report.state = payload === undefined ? 'too large' : 'stored'
      change.tell()
    }
  }

  const publishEvents = async () => {
    const room = () => underWay.length < MESSAGES_UNDER_WAY && bytes < BYTES_UNDER_WAY
    const following = { since: outbox.acked, watch: events.watch, signal: end }
    for await (const { seq, line } of followEvents(events.path, following)) {
      await change.until(room, end)
      if (end.aborted) break
      await publishEvent(seq, line)
    }
  }

  if (outbox.acked >= events.written) told.settled()
  publishReports().catch((error: unknown) => failed.abort(error))
  await publishEvents()
  if (!signal.aborted) throw end.reason
}

/** Why a message was not taken: by the connection, which others will be, or by the server, which read it. */
function refusal({ shown, lost }: Connection, subject: string, cause: unknown): NatsError {
  if (lost.aborted) return lost.reason
  if (cause instanceof NatsError) return cause
  const { name, message } = cause as Error
  if (name === 'JetStreamNotEnabled') {
    const words = `the stream ${STREAM} does not take ${subject}`
    return new NatsError(`${shown}: ${words}`, { facts: { code: 'no-stream' }, cause })
  }
  if (name === 'JetStreamApiError')
    return new NatsError(`${shown}: ${message}`, { facts: { code: 'refused-message' }, cause })
  return natsError(shown, cause)
}
