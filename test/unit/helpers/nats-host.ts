import { join } from 'node:path'
import { parseNatsUrl } from '../../../src/live/nats/address.ts'
import { connectNats } from '../../../src/live/nats/connect.ts'
import { openMessages } from '../../../src/live/nats/messages.ts'
import { HEADER, STREAM, SUBJECTS } from '../../../src/live/nats/protocol.ts'
import { type Fleet, type FleetOptions, openFleet } from '../../../src/live/nats/publish.ts'
import { type EventLog, openEventLog } from '../../../src/runtime/event-log.ts'
import type { Event } from '../../../src/runtime/events.ts'
import type { Report } from '../../../src/runtime/report.ts'
import { systemClock } from '../../../src/system/clock.ts'
import { temporaryDir } from './temporary.ts'

/** Milliseconds for whatever is waited for; only a failure takes so long. */
export const LIMIT = 30_000

export const REPORT = { schema: 'speediso.report/1', verdict: 'passed', tasks: [] } as unknown as Report

export interface PublishingHost extends AsyncDisposable {
  id: string
  log: EventLog
  fleet: Fleet
  /** What was said about publishing, `LEVEL MESSAGE` a line. */
  told: string[]
  say(message: string): void
  end(verdict: 'passed' | 'failed'): void
}

const dir = temporaryDir()
let files = 0

/** A host that publishes its events, those about publishing too, as a boot does. */
export function publishingHost(url: string, id: string, more: Partial<FleetOptions> = {}): PublishingHost {
  const log = more.events ?? openEventLog(join(dir, `${++files}.ndjson`), id, systemClock)
  const told: string[] = []
  const fleet = openFleet({
    url,
    hostId: id,
    bootId: `boot-of-${id}`,
    events: log,
    signal: new AbortController().signal,
    say: (level, message) => {
      told.push(`${level} ${message}`)
      log.append({ kind: 'log', level, message })
    },
    ...more,
  })
  return {
    id,
    log,
    fleet,
    told,
    say: (message) => log.append({ kind: 'log', level: 'info', message }),
    end: (verdict) => log.append({ kind: 'job.end', verdict, after: 'stay' }),
    [Symbol.asyncDispose]: () => fleet[Symbol.asyncDispose](),
  }
}

export interface StoredMessage {
  subject: string
  kind: string
  boot: string
  seq: number
  /** By which the server knows it again. */
  id: string
  encoding: string
  data: Uint8Array
}

/** Everything of the stream, as it is stored now. */
export async function storedMessages(url: string): Promise<StoredMessage[]> {
  await using connection = await connectNats(parseNatsUrl(url), 'test', AbortSignal.timeout(LIMIT))
  const { state } = await connection.manager.streams.info(STREAM)
  const all: StoredMessage[] = []
  if (state.messages === 0) return all
  const messages = await openMessages(connection, SUBJECTS, 1, AbortSignal.timeout(LIMIT))
  for await (const { subject, headers, data } of messages) {
    const [kind = '', boot = '', seq, encoding = '', id = ''] = [
      HEADER.kind,
      HEADER.boot,
      HEADER.seq,
      HEADER.encoding,
      'Nats-Msg-Id',
    ].map((name) => headers?.get(name))
    all.push({ subject, kind, boot, seq: Number(seq), id, encoding, data })
    if (all.length === state.messages) break
  }
  return all
}

export function readEvent({ data }: Pick<StoredMessage, 'data'>): Event {
  return JSON.parse(new TextDecoder().decode(data)) as Event
}

/** Where a list that should be `first`, `first + 1` … is not; undefined: nowhere. */
export function flaw(numbers: readonly number[], first = 1): string | undefined {
  const at = numbers.findIndex((seq, i) => seq !== i + first)
  return at < 0 ? undefined : `${numbers[at]} follows ${numbers[at - 1]}`
}
