import type * as z from 'zod'
import type { Clock } from '../system/clock.ts'
import type { Exec } from '../system/exec.ts'
import type { MachineRoot } from '../system/machine-root.ts'
import type { StartWorker } from '../system/worker.ts'
import type { Verdict } from './verdict.ts'

/** The exact device that a step touches; what is unknown is left out, never guessed. */
export interface Target {
  path: string
  serial?: string
  wwn?: string
  model?: string
  sizeBytes?: number
}

/** One act of a plan: data only, so that it can be printed, compared and reported. */
export interface Step<Kind extends string = string, Params = unknown> {
  /** Unique within the plan. */
  id: string
  kind: Kind
  /** For people: what is done, to what. */
  title: string
  target?: Target
  /** Steps of one lane run one after another, lanes run beside each other; without one: the lane `main`. */
  lane?: string
  /** Ids of steps above it in the plan that must have passed before it; else it is not run. */
  needs?: readonly string[]
  /** Seconds that it is likely to take; undefined: nobody knows. */
  estimate?: number | undefined
  params: Params
}

export interface Plan<Kinds extends object = Record<string, unknown>> {
  steps: { [K in keyof Kinds & string]: Step<K, Kinds[K]> }[keyof Kinds & string][]
}

export type Evidence = Readonly<Record<string, unknown>>

export interface StepOutcome {
  verdict: Verdict
  /** Why, one line; required by the runtime for everything but `passed`. */
  reason?: string
  evidence: Evidence
  /** What the step produced, for the task's `result`; goes to no log. */
  output?: unknown
}

export type LogLevel = 'debug' | 'info' | 'warning' | 'error'

/** What a step may say while it runs; everything becomes events. */
export interface StepVoice {
  log(level: LogLevel, message: string): void
  /** `done` of `total`, in `unit`; rate per second and ETA in seconds are worked out by the runtime. */
  progress(done: number, total: number, unit: string): void
  reading(name: string, value: number | string | boolean, unit?: string): void
}

/** Everything that a task may use of the world. */
export interface TaskContext {
  exec: Exec
  root: MachineRoot
  clock: Clock
  /** Aborted when the task is cancelled or past its timeout. */
  signal: AbortSignal
}

/** What a task may use beyond reading: only once it is really run. */
export interface WorkContext extends TaskContext {
  startWorker: StartWorker
  /** Folder of this task in this boot, for what a process that is started again has to know; made by who uses it. */
  stateDir: string
}

export interface StepContext extends WorkContext {
  voice: StepVoice
}

export type StepRunners<Kinds extends object> = {
  readonly [K in keyof Kinds & string]: (step: Step<K, Kinds[K]>, ctx: StepContext) => Promise<StepOutcome>
}

/** A step that was run, with what came of it. */
export interface FinishedStep {
  step: Step
  outcome: StepOutcome
}

/** Something that a task's command can do in place of running it, such as to check a document of its own. */
export interface TaskTool {
  describe: string
  /** Flags that mean something only beside it, with what they are. */
  flags: Readonly<Record<string, string>>
  /** `value` is that of the tool's own flag. @throws InputError for what is not right about value or flags */
  run(
    value: string,
    flags: Readonly<Record<string, string | undefined>>,
    deps: { root: MachineRoot; readFile(path: string): Promise<string> },
  ): Promise<{ verdict: Verdict; lines: string[]; files?: { path: string; text: string }[] }>
}

/**
 * A task module's one export. Data goes one way: facts -> plan -> steps -> verdict.
 * A task never talks to a sink, never reads the command line and never exits the process.
 */
export interface TaskDefinition<
  Facts = unknown,
  Options extends z.ZodObject = z.ZodObject,
  Kinds extends object = Record<string, unknown>,
> {
  name: string
  summary: string
  /** A command line that a person can copy. */
  example: string
  /** A destructive task runs only with a confirmation that names this machine. */
  destructive: boolean
  /** Milliseconds; a `speediso.<task>.timeout=` overrides it. */
  timeout: number
  /** Each key is an option `speediso.<task>.<key>=`, dashes in place of underscores. */
  options: Options
  readFacts(ctx: TaskContext): Promise<Facts>
  /** Pure: the same facts and options give the same plan. */
  plan(facts: Facts, options: z.infer<Options>): Plan<Kinds>
  runners: StepRunners<Kinds>
  /** Run again by a process that was started again in the middle of it: its steps go on from what `stateDir` holds. */
  resumes?: boolean
  /** The plan for people, in place of a line a step. */
  describePlan?(facts: Facts, plan: Plan<Kinds>): string[]
  /** The task's own document for the report, made from what its steps produced. */
  result?(
    finished: readonly FinishedStep[],
    facts: Facts,
    end: { options: z.infer<Options>; ctx: WorkContext; verdict: Verdict; reason: string | undefined },
  ): unknown
  /** By flag. */
  tools?: Readonly<Record<string, TaskTool>>
  /** What the result proves, where that may be less than its steps say: the worse of both is the verdict. */
  judge?(result: unknown): { verdict: Verdict; reason?: string | undefined } | undefined
  /** The result for people, as plain text lines. */
  describe?(result: unknown): string[]
}

/** Checks a definition's types and forgets its parameters, so that tasks can stand in one registry. */
export function defineTask<Facts, Options extends z.ZodObject, Kinds extends object>(
  definition: TaskDefinition<Facts, Options, Kinds>,
): AnyTask {
  return definition as unknown as AnyTask
}

/** A task of which the runtime knows only the contract. */
export type AnyTask = TaskDefinition<unknown, z.ZodObject, Record<string, unknown>>

/** Task name -> loader; lazy, so that a command pays only for the task that it runs. */
export type TaskRegistry = Readonly<Record<string, () => Promise<AnyTask>>>
