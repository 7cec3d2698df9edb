import { mkdirSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { explainInLine, InputError } from '../errors.ts'
import { type Catalogue, isSecretOption } from '../job/catalogue.ts'
import { maskJob } from '../job/explain.ts'
import type { ResolvedJob } from '../job/schema.ts'
import { type HostIdentity, readHostIdentity } from '../system/identity.ts'
import { withLimit } from '../system/limit.ts'
import { readBootId, readImage, readKernelRelease, readUptime } from '../system/os.ts'
import type { StartWorker } from '../system/worker.ts'
import { writeDocument } from '../system/write-file.ts'
import { type BuildInfo, build } from '../version.ts'
import { afterAction } from './after.ts'
import { type EventLog, openEventLog } from './event-log.ts'
import { takeLock } from './lock.ts'
import type { RunPaths } from './paths.ts'
import { INTERRUPTED, openTask, readEvents, tasksFromEvents } from './recover.ts'
import { REPORT_SCHEMA, type Report, reportSchema } from './report.ts'
import { type JobDependencies, type JobOutcome, runJob } from './run-job.ts'
import type { TaskContext, TaskRegistry } from './task.ts'

export interface BootDependencies extends TaskContext {
  startWorker: StartWorker
  registry: TaskRegistry
  catalogue: Catalogue
  paths: RunPaths
}

/** A boot whose events have begun, before its job is run. */
export interface Boot {
  identity: HostIdentity
  bootId: string | null
  image: Report['image']
  build: BuildInfo
  events: EventLog
  /** Runs the job, unless an earlier process of this boot had started it, and writes the report. */
  run(resolved: ResolvedJob): Promise<Report>
}

/** Opens the event log of this boot. The job is run by `run()`, so that sinks can be there first. */
export async function beginBoot(deps: BootDependencies): Promise<Boot> {
  const { root, clock, paths } = deps
  const identity = await identify(deps)
  const image = await readImage(root)
  makeRunDir(paths.dir)
  await takeLock(paths.lock)
  const events = openEventLog(paths.events, identity.hostId, clock)
  const bootId = await readBootId(root)
  const kernel = await readKernelRelease(root)

  const run = async (resolved: ResolvedJob): Promise<Report> => {
    const earlier = await startOnce(paths, events, clock.now())
    const uptime = await readUptime(root)
    if (uptime !== null) events.append({ kind: 'reading', name: 'uptime', value: uptime, unit: 's' })
    if (earlier === 'ended') return reportSchema.parse(JSON.parse((await readReport(paths.report)) ?? ''))
    const started = clock.now()
    const from = clock.monotonic()
    const within = { ...deps, identity, emit: events.append, dir: paths.dir }
    const outcome =
      (earlier === 'interrupted' ? await interrupted(resolved, events, paths, within) : undefined) ??
      (await runJob(resolved.job, resolved.problems, resolved.commandLine, within))
    const report: Report = {
      schema: REPORT_SCHEMA,
      speediso: build,
      image,
      host: { ...identity },
      boot_id: bootId,
      kernel,
      command_line: resolved.commandLine,
      job: maskJob(resolved.job, (task, key) => {
        const facts = deps.catalogue.get(task)
        return facts !== undefined && isSecretOption(facts, key)
      }),
      origins: resolved.origins,
      problems: resolved.problems,
      ...outcome,
      started: new Date(started).toISOString(),
      ended: new Date(clock.now()).toISOString(),
      seconds: (clock.monotonic() - from) / 1000,
    }
    // A verdict that cannot be written down is a verdict all the same.
    await writeDocument(paths.report, report).catch((error: unknown) => {
      const message = `the report cannot be written: ${explainInLine(error)}`
      events.append({ kind: 'log', level: 'error', message })
    })
    return report
  }
  return { identity, bootId, image, build, events, run }
}

/** A card whose driver hangs must not keep the machine from saying anything at all, in milliseconds. */
const IDENTITY_LIMIT = 15_000

async function identify({ root, exec, signal }: TaskContext): Promise<HostIdentity> {
  try {
    return await withLimit(IDENTITY_LIMIT, signal, () => readHostIdentity(root, exec))
  } catch {
    signal.throwIfAborted()
  }
  try {
    // Without programs: a host that is slow is not to be another one.
    return await withLimit(IDENTITY_LIMIT, signal, () => readHostIdentity(root))
  } catch (error) {
    return { hostId: 'unknown', origin: explainInLine(error), macs: [], hostname: '' }
  }
}

/** Only the last folder is made: what lies above it is not ours. */
function makeRunDir(dir: string): void {
  try {
    mkdirSync(dir, { mode: 0o755 })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST' && statSync(dir).isDirectory()) return
    const { code } = cause as NodeJS.ErrnoException
    throw new InputError(`${dir}: cannot be the folder for events and report (${code})`, {
      hint: 'name a folder that can be written, in one that exists',
      cause,
    })
  }
}

/** Marks the job as started; tells when an earlier process of this boot had done so. */
async function startOnce(
  paths: RunPaths,
  events: EventLog,
  now: number,
): Promise<'first' | 'interrupted' | 'ended'> {
  try {
    await using file = await open(paths.started, 'wx', 0o644)
    // That the file is there is the mark; a full /run takes no text.
    await file.writeFile(`${new Date(now).toISOString()} ${process.pid}\n`).catch(() => {})
    return 'first'
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
  }
  try {
    if ((await readReport(paths.report)) !== undefined) {
      events.append({
        kind: 'log',
        level: 'info',
        message: 'speediso was started again; the job had ended before',
      })
      return 'ended'
    }
  } catch (error) {
    events.append({
      kind: 'log',
      level: 'warning',
      message: `the report is damaged: ${explainInLine(error)}`,
    })
  }
  return 'interrupted'
}

async function readReport(path: string): Promise<string | undefined> {
  await using file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (file === undefined) return undefined
  const text = await file.readFile('utf8')
  reportSchema.parse(JSON.parse(text))
  return text
}

/**
 * The outcome of a job that an earlier process had begun; undefined when it had no task, so that nothing was lost. A task
 * that can go on where it was is gone on with, and what comes after it.
 */
async function interrupted(
  resolved: ResolvedJob,
  events: EventLog,
  paths: RunPaths,
  deps: JobDependencies,
): Promise<JobOutcome | undefined> {
  const all = await readEvents(paths.events)
  // What was begun last counts, also when the job file says something else by now.
  const start = all.findLastIndex((event) => event.kind === 'job.start')
  const seen = all.slice(Math.max(start, 0))
  const begun = seen.find((event) => event.kind === 'job.start')?.tasks.map((name) => ({ name }))
  const asked = begun ?? resolved.job.tasks
  if (asked.length === 0) return undefined
  const tasks = tasksFromEvents(seen, asked, new Date(deps.clock.now()).toISOString())
  const end = seen.findLast((event) => event.kind === 'job.end')
  if (end !== undefined) {
    const { verdict, reason } = end
    return { verdict, ...(reason === undefined ? {} : { reason }), tasks }
  }
  const { job, problems, commandLine } = resolved
  const same = asked.map(({ name }) => name).join() === job.tasks.map(({ name }) => name).join()
  const open = problems.length === 0 && same ? openTask(seen, asked) : undefined
  if (open !== undefined && (await deps.registry[open.name]?.())?.resumes === true) {
    const message = `speediso was ended in the middle of ${open.name}; it goes on`
    events.append({ kind: 'log', level: 'warning', message })
    return runJob(job, [], commandLine, deps, tasks.slice(0, open.index))
  }
  const after = afterAction(resolved, 'unknown')
  events.append({ kind: 'job.end', verdict: 'unknown', reason: INTERRUPTED, after })
  return { verdict: 'unknown', reason: INTERRUPTED, tasks }
}
