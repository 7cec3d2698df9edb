import { randomUUID } from 'node:crypto'
import * as z from 'zod'
import type { AfterAction } from '../../job/schema.ts'
import { verdictSchema } from '../verdict.ts'

export const NOTICE_SCHEMA = 'speediso.notice/1'
export const HEARTBEAT_SCHEMA = 'speediso.heartbeat/1'

export const NOTICES = [
  'job-started',
  'task-started',
  'about-to-reboot',
  'about-to-power-off',
  'about-to-kexec',
] as const

/** Something that a watcher of this host has to know before it happens, or as it begins. */
export type NoticeName = (typeof NOTICES)[number]

/** The notice that goes out before an action. */
export const NOTICE_OF: Readonly<Record<Exclude<AfterAction, 'stay'>, NoticeName>> = {
  reboot: 'about-to-reboot',
  poweroff: 'about-to-power-off',
  kexec: 'about-to-kexec',
}

const about = {
  host: z.string().describe('host id'),
  boot_id: z.string().nullable().describe('another one than before: the host was booted anew'),
  time: z.iso.datetime(),
  seq: z.int().nonnegative().describe('number of the last event'),
}

export const noticeSchema = z.object({
  schema: z.literal(NOTICE_SCHEMA),
  ...about,
  what: z.enum(NOTICES),
  task: z.string().optional(),
})

export const heartbeatSchema = z.object({
  schema: z.literal(HEARTBEAT_SCHEMA),
  ...about,
  state: z.enum(['running', 'ended']),
  task: z.string().optional(),
  step: z.string().optional(),
  progress: z
    .object({
      done: z.number(),
      total: z.number(),
      unit: z.string(),
      rate: z.number().nullable().describe('units a second; null: not known yet'),
      eta: z.number().nullable().describe('seconds; null: not known'),
    })
    .optional(),
  verdict: verdictSchema.nullable().describe('so far; null: no task has ended'),
})

export type Notice = z.infer<typeof noticeSchema>
export type Heartbeat = z.infer<typeof heartbeatSchema>

export const MESSAGE_KINDS = ['report', 'notice', 'heartbeat', 'bundle'] as const
export type MessageKind = (typeof MESSAGE_KINDS)[number]

/** What is posted, without the secrets that go with it. */
export interface Message {
  kind: MessageKind
  /** The same whenever this message is posted again; no other message of any boot has it. */
  id: string
  host: string
  bootId: string | null
  type: 'application/json' | 'application/gzip'
  body: string | Uint8Array<ArrayBuffer>
}

/** Makes messages of this boot. */
export type MakeMessage = (kind: MessageKind, body: Message['body'], name?: string) => Message

/**
 * Ids are boot id, kind and number. `epoch` is the last event's number when this process began: it keeps the numbers of
 * a process that was started again in the same boot apart from those of the one before.
 */
export function createMessages(host: string, bootId: string | null, epoch: number): MakeMessage {
  const boot = bootId ?? randomUUID()
  let count = 0
  return (kind, body, name) => {
    count += 1
    return {
      kind,
      id: `${boot}.${kind}.${name ?? `${epoch}-${count}`}`,
      host,
      bootId,
      type: kind === 'bundle' ? 'application/gzip' : 'application/json',
      body,
    }
  }
}
