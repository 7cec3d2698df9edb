import type { ConsumerMessages, JsMsg } from '@nats-io/jetstream'
import type { Connection } from './connect.ts'
import { STREAM } from './protocol.ts'

/** As many messages are asked for at once. */
const BATCH = 500
/** Milliseconds after which the server forgets a reader that went away. */
const FORGET_AFTER = 60_000
/** Milliseconds within which a batch that the server has must come. */
const BATCH_LIMIT = 10_000

/** The last message of each subject, without its content. */
export async function* lastMessages({ jetstream }: Connection, subject: string): AsyncGenerator<JsMsg> {
  const { DeliverPolicy } = await import('@nats-io/jetstream')
  const consumer = await jetstream.consumers.get(STREAM, {
    filter_subjects: subject,
    deliver_policy: DeliverPolicy.LastPerSubject,
    headers_only: true,
    inactive_threshold: FORGET_AFTER,
  })
  let { num_pending: pending } = await consumer.info(true)
  while (pending > 0) {
    const before = pending
    for await (const message of await consumer.fetch({ max_messages: BATCH, expires: BATCH_LIMIT })) {
      pending = message.info.pending
      yield message
      if (pending === 0) break
    }
    if (pending === before) return
  }
}

/** Messages of a stream from a sequence number on, in order and without gaps, until the connection ends or the signal. */
export async function openMessages(
  { jetstream, lost }: Connection,
  subject: string,
  from: number,
  signal: AbortSignal,
): Promise<ConsumerMessages> {
  const { DeliverPolicy } = await import('@nats-io/jetstream')
  const consumer = await jetstream.consumers.get(STREAM, {
    filter_subjects: subject,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: from,
    inactive_threshold: FORGET_AFTER,
  })
  const messages = await consumer.consume({ max_messages: BATCH })
  const end = AbortSignal.any([lost, signal])
  const stop = () => void messages.close()
  if (end.aborted) stop()
  else end.addEventListener('abort', stop, { once: true })
  return messages
}
