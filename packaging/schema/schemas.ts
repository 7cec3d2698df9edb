import * as z from 'zod'
import { jobFileSchema } from '../../src/job/file-schema.ts'
import { jobSchema } from '../../src/job/schema.ts'
import { greetingSchema } from '../../src/live/protocol.ts'
import { loadCatalogue } from '../../src/runtime/catalogue.ts'
import { heartbeatSchema, noticeSchema } from '../../src/runtime/deliver/message.ts'
import { eventSchema } from '../../src/runtime/events.ts'
import { reportSchema } from '../../src/runtime/report.ts'
import { inventorySchema } from '../../tasks/inventory/schema.ts'
import { registry } from '../../tasks/registry.ts'
import { certificateSchema } from '../../tasks/wipe/certificate/schema.ts'
import { wipeResultSchema } from '../../tasks/wipe/result.ts'

/** A JSON Schema as it is shipped. */
export interface SchemaDocument {
  $schema: string
  $id: string
  title: string
  [keyword: string]: unknown
}

/** Every document that others read or write, by the name of its file. */
const documents: Readonly<Record<string, { title: string; schema: z.ZodType; shared?: true }>> = {
  job: { title: 'The effective job of a boot', schema: jobSchema },
  'job-file': {
    title: 'A job file: what a boot is asked to do',
    schema: jobFileSchema(await loadCatalogue(registry)),
  },
  event: { title: 'An event: one line of the event file and of the live log', schema: eventSchema },
  report: { title: 'The outcome of a job', schema: reportSchema },
  inventory: {
    title: 'What a machine is made of: the result of the task inventory',
    schema: inventorySchema,
    // Its parts come again and again; written out each time they would be half a megabyte.
    shared: true,
  },
  wipe: { title: 'What came of every disk: the result of the task wipe', schema: wipeResultSchema },
  'erasure-certificate': {
    title: 'What was erased, how, and what proves it',
    schema: certificateSchema,
  },
  hello: { title: 'The first message of a live log', schema: greetingSchema },
  notice: { title: 'What is posted before something happens', schema: noticeSchema },
  heartbeat: { title: 'What is posted while a job runs', schema: heartbeatSchema },
}

/**
 * The JSON Schemas (draft 2020-12), generated. A document of version 1 may get further fields, so none is forbidden
 * unless the schema itself is strict.
 */
export function jsonSchemas(): ReadonlyMap<string, SchemaDocument> {
  return new Map(
    Object.entries(documents).map(([name, { title, schema, shared }]) => {
      const reused = shared === true ? 'ref' : 'inline'
      const { $schema, ...rest } = z.toJSONSchema(schema, { target: 'draft-2020-12', reused, override: open })
      return [name, { $schema: String($schema), $id: `urn:speediso:${name}:1`, title, ...rest }]
    }),
  )
}

function open({
  zodSchema,
  jsonSchema,
}: {
  zodSchema: z.core.$ZodTypes
  jsonSchema: z.core.JSONSchema.BaseSchema
}) {
  if (zodSchema._zod.def.type === 'object' && zodSchema._zod.def.catchall === undefined)
    delete jsonSchema.additionalProperties
}
