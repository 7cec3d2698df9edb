import * as z from 'zod'
import { jobSchema } from '../job/schema.ts'
import { verdictSchema } from './verdict.ts'

export const REPORT_SCHEMA = 'speediso.report/1'

const timing = { started: z.iso.datetime(), ended: z.iso.datetime(), seconds: z.number() }

export const stepReportSchema = z.object({
  id: z.string(),
  kind: z.string(),
  title: z.string(),
  target: z
    .object({
      path: z.string(),
      serial: z.string().optional(),
      wwn: z.string().optional(),
      model: z.string().optional(),
      sizeBytes: z.number().optional(),
    })
    .optional(),
  verdict: verdictSchema,
  reason: z.string().optional(),
  evidence: z.record(z.string(), z.unknown()),
  ...timing,
})

export const taskReportSchema = z.object({
  task: z.string(),
  verdict: verdictSchema,
  reason: z.string().optional(),
  facts: z.unknown().describe('what was read from the machine before anything was changed'),
  bad_input: z
    .literal(true)
    .optional()
    .describe('what was asked does not fit this machine; nothing was done'),
  steps: z.array(stepReportSchema),
  result: z.unknown().describe("the task's own document, such as the inventory"),
  ...timing,
})

/** The outcome of a job as one document. */
export const reportSchema = z.object({
  schema: z.literal(REPORT_SCHEMA),
  speediso: z.object({ version: z.string(), commit: z.string() }),
  image: z.object({ id: z.string(), version: z.string() }).nullable().describe('null: not one of our images'),
  host: z.looseObject({ hostId: z.string() }),
  boot_id: z.string().nullable(),
  kernel: z.string().nullable().describe('release of the running kernel'),
  command_line: z.string().describe('secrets masked'),
  job: jobSchema,
  origins: z.record(z.string(), z.object({ from: z.string(), word: z.string().optional() })),
  problems: z.array(
    z.object({
      from: z.string().optional(),
      parameter: z.string(),
      message: z.string(),
      hint: z.string().optional(),
    }),
  ),
  verdict: verdictSchema.nullable().describe('null: nothing was asked'),
  reason: z.string().optional(),
  tasks: z.array(taskReportSchema),
  ...timing,
})

export type StepReport = z.infer<typeof stepReportSchema>
export type TaskReport = z.infer<typeof taskReportSchema>
export type Report = z.infer<typeof reportSchema>
