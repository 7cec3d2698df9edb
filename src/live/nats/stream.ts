import type { StreamInfo } from '@nats-io/jetstream'
import type { Connection } from './connect.ts'
import { NatsError, natsError } from './errors.ts'
import { HEADER, STREAM, STREAM_LIMITS, SUBJECTS } from './protocol.ts'

/** The server's own numbers (nats-server, errors.json). */
const STREAM_NAME_IN_USE = 10_058
const NO_STORAGE = 10_047

const NANOSECONDS = 1_000_000

/** The stream as it is, made when it is not there. @throws NatsError */
export async function openStream({ manager, shown }: Connection): Promise<StreamInfo> {
  try {
    return await manager.streams.info(STREAM).catch(async (error: unknown) => {
      if ((error as Error).name !== 'StreamNotFoundError') throw error
      return await createStream({ manager, shown })
    })
  } catch (cause) {
    throw natsError(shown, cause)
  }
}

async function createStream({ manager, shown }: Pick<Connection, 'manager' | 'shown'>): Promise<StreamInfo> {
  const { DiscardPolicy, RetentionPolicy, StorageType } = await import('@nats-io/jetstream')
  try {
    return await manager.streams.add({
      name: STREAM,
      subjects: [SUBJECTS],
      storage: StorageType.File,
      retention: RetentionPolicy.Limits,
      discard: DiscardPolicy.Old,
      max_bytes: STREAM_LIMITS.max_bytes,
      max_age: STREAM_LIMITS.max_age * NANOSECONDS,
      duplicate_window: STREAM_LIMITS.duplicate_window * NANOSECONDS,
    })
  } catch (error) {
    // Another host was faster, or somebody who wants it otherwise.
    const { code } = error as { code?: unknown }
    if (code === STREAM_NAME_IN_USE) return await manager.streams.info(STREAM)
    if (code !== NO_STORAGE) throw error
    throw new NatsError(
      `${shown}: it has no room for the stream ${STREAM} of ${STREAM_LIMITS.max_bytes} bytes`,
      {
        hint: 'give its JetStream more storage, or make the stream there with smaller limits',
        facts: { code: 'no-room' },
        cause: error,
      },
    )
  }
}

/** Number of the last event of this boot in the stream; undefined when it holds none of it. @throws NatsError */
export async function lastStored(
  { manager, shown }: Connection,
  subject: string,
  bootId: string,
): Promise<number | undefined> {
  try {
    const last = await manager.streams.getMessage(STREAM, { last_by_subj: subject })
    if (last === null || last.header.get(HEADER.boot) !== bootId) return undefined
    const seq = Number(last.header.get(HEADER.seq))
    return Number.isSafeInteger(seq) ? seq : undefined
  } catch (cause) {
    throw natsError(shown, cause)
  }
}
