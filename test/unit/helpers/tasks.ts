import * as z from 'zod'
import type { Event, EventBody } from '../../../src/runtime/events.ts'
import {
  type AnyTask,
  defineTask,
  type Step,
  type StepContext,
  type StepOutcome,
  type WorkContext,
} from '../../../src/runtime/task.ts'
import { systemClock } from '../../../src/system/clock.ts'
import { createExec } from '../../../src/system/exec.ts'
import { createMachineRoot } from '../../../src/system/machine-root.ts'

export type Act = (step: Step, ctx: StepContext) => Promise<StepOutcome>

/** A task whose steps do what the test says; `acts` are its plan, by step id. */
export function fakeTask(acts: Record<string, Act>, over: Partial<AnyTask> = {}): AnyTask {
  return {
    ...defineTask({
      name: 'fake',
      summary: 'a task of the tests',
      example: 'speediso fake',
      destructive: false,
      timeout: 10_000,
      options: z.object({}),
      readFacts: async () => ({ found: true }),
      plan: () => ({
        steps: Object.keys(acts).map((id) => ({
          id,
          kind: 'act' as const,
          title: `do ${id}`,
          lane: id.split('-')[0] ?? id,
          params: {},
        })),
      }),
      runners: { act: (step, ctx) => acts[step.id]?.(step, ctx) ?? Promise.reject(new Error('no act')) },
    }),
    ...over,
  }
}

export const pass: Act = async () => ({ verdict: 'passed', evidence: { seen: 1 } })
export const doubt: Act = async () => ({ verdict: 'unknown', reason: 'nothing to see', evidence: {} })
export const fail: Act = async () => ({ verdict: 'failed', reason: 'it broke', evidence: {} })

/** Ends only by its signal. */
export const hang: Act = (_, { signal }) =>
  new Promise((_resolve, reject) => {
    const alive = setInterval(() => {}, 1000)
    signal.addEventListener('abort', () => {
      clearInterval(alive)
      reject(signal.reason)
    })
  })

export function context(over: Partial<WorkContext> = {}): WorkContext {
  return {
    exec: createExec(),
    root: createMachineRoot('/'),
    clock: systemClock,
    signal: new AbortController().signal,
    startWorker: () => {
      throw new Error('no worker in this test')
    },
    stateDir: '/nonexistent',
    ...over,
  }
}

/** Collects events as they come. */
export function recorder(): { events: Event[]; emit: (body: EventBody) => void } {
  const events: Event[] = []
  const emit = (body: EventBody) => {
    events.push({ seq: events.length + 1, time: new Date().toISOString(), host: 'test', ...body } as Event)
  }
  return { events, emit }
}
