import * as z from 'zod'
import { verdictSchema } from './verdict.ts'

const stamp = {
  seq: z.int().positive().describe('starts at 1, no gaps'),
  time: z.iso.datetime(),
  host: z.string().describe('host id'),
}
const inTask = { task: z.string() }
const inStep = { task: z.string(), step: z.string() }
const maybeInStep = { task: z.string().optional(), step: z.string().optional() }
const ending = { verdict: verdictSchema, reason: z.string().optional(), seconds: z.number() }

const bodies = {
  'job.start': { tasks: z.array(z.string()), command_line: z.string() },
  'job.end': {
    verdict: verdictSchema.nullable().describe('null: nothing was asked'),
    reason: z.string().optional(),
    after: z.string(),
  },
  'task.start': { ...inTask, steps: z.int(), timeout: z.int().describe('milliseconds') },
  'task.progress': {
    ...inTask,
    done: z.number(),
    total: z.number(),
    unit: z.string(),
    eta: z
      .number()
      .nullable()
      .describe('seconds until the last of its lanes is likely to end; null: not known'),
  },
  'task.end': { ...inTask, ...ending },
  'step.start': { ...inStep, title: z.string(), target: z.record(z.string(), z.unknown()).optional() },
  'step.progress': {
    ...inStep,
    done: z.number(),
    total: z.number(),
    unit: z.string(),
    rate: z.number().nullable().describe('units a second since the last progress; null: not known yet'),
    eta: z.number().nullable().describe('seconds; null: not known'),
  },
  'step.end': { ...inStep, ...ending, evidence: z.record(z.string(), z.unknown()) },
  log: { ...maybeInStep, level: z.enum(['debug', 'info', 'warning', 'error']), message: z.string() },
  reading: {
    ...maybeInStep,
    name: z.string(),
    value: z.union([z.number(), z.string(), z.boolean()]),
    unit: z.string().optional(),
  },
} satisfies Record<string, z.ZodRawShape>

const variant = <K extends keyof typeof bodies>(kind: K) =>
  z.object({ ...stamp, kind: z.literal(kind), ...(bodies[kind] as (typeof bodies)[K]) })

/** One numbered thing that happened; every log, page and report is made from this one stream. */
export const eventSchema = z.discriminatedUnion('kind', [
  variant('job.start'),
  variant('job.end'),
  variant('task.start'),
  variant('task.progress'),
  variant('task.end'),
  variant('step.start'),
  variant('step.progress'),
  variant('step.end'),
  variant('log'),
  variant('reading'),
])

export type Event = z.infer<typeof eventSchema>

type Body<E> = E extends Event ? Omit<E, keyof typeof stamp> : never

/** An event before it has its number, time and host. */
export type EventBody = Body<Event>

/** Takes events; the one way by which the runtime says anything. */
export type Emit = (body: EventBody) => void

/** An event of its line; undefined for what is none, as damage leaves it. */
export function parseEvent(line: string): Event | undefined {
  try {
    return eventSchema.safeParse(JSON.parse(line)).data
  } catch {
    return undefined
  }
}
