import { readFile } from 'node:fs/promises'
import * as z from 'zod'
import { writeDocument } from '../../system/write-file.ts'

export const DELIVERY_SCHEMA = 'speediso.delivery/1'

/** What has been delivered so far, for the programs of this host. */
export const deliverySchema = z.object({
  schema: z.literal(DELIVERY_SCHEMA),
  time: z.iso.datetime(),
  report: z
    .object({
      url: z.string().describe('credentials masked'),
      state: z
        .enum(['not-yet', 'trying', 'kept', 'accepted'])
        .describe('kept: past its time, tried on slowly'),
      attempts: z.int().describe('of the report, since it was last accepted'),
      last_error: z.string().nullable(),
      spool: z.object({
        dir: z.string(),
        survives: z.boolean().describe('a reboot'),
        holds_report: z.boolean(),
      }),
      earlier: z.int().describe('reports of earlier boots that wait'),
      notices: z.object({ accepted: z.int(), waiting: z.int(), dropped: z.int() }),
      heartbeats: z.object({ accepted: z.int(), missed: z.int(), last_error: z.string().nullable() }),
      bundle: z.enum(['none', 'made', 'accepted', 'not-accepted']),
    })
    .nullable()
    .describe('null: nowhere'),
  foreman: z
    .object({
      url: z.string().describe('credentials masked'),
      call: z.enum(['facts', 'built', 'none']),
      state: z
        .enum(['not-yet', 'trying', 'accepted', 'refused', 'not-accepted'])
        .describe('refused: for good; not-accepted: not within its time'),
      may_have_arrived: z.boolean().default(false).describe('an attempt whose answer was lost'),
      last_error: z.string().nullable(),
    })
    .nullable()
    .describe('null: none'),
  held: z.string().nullable().describe('the action that waits until the outcome is known'),
})

export type DeliveryState = z.infer<typeof deliverySchema>

/** Where it is kept, in the folder of the boot. */
export const STATE_FILE = 'delivery.json'

/** What an earlier process of this boot has left; undefined when there is none that can be read. */
export async function readState(path: string): Promise<DeliveryState | undefined> {
  try {
    return deliverySchema.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch {
    return undefined
  }
}

export interface StateFile extends AsyncDisposable {
  /** Writes the state as it is then; while one write is under way, further ones become one. */
  save(): void
}

/** That it cannot be written stops nothing: the log says what matters. */
export function createStateFile(path: string, state: () => DeliveryState): StateFile {
  let due = false
  let writing: Promise<void> | undefined
  const write = async () => {
    while (due) {
      due = false
      await writeDocument(path, state()).catch(() => {})
    }
    writing = undefined
  }
  return {
    save() {
      due = true
      writing ??= write()
    },
    async [Symbol.asyncDispose]() {
      await writing
    },
  }
}
