import type { Clock } from '../clock.ts'
import { DISK_WORKER } from '../worker/kinds.ts'
import type { RunningWorker, StartWorker, WorkerExit } from '../worker.ts'
import {
  type MarkRequest,
  type MarkResult,
  markResultSchema,
  type OverwriteRequest,
  type OverwriteResult,
  overwriteResultSchema,
  type Range,
  type ReadRequest,
  type ReadResult,
  readResultSchema,
  type WorkEnd,
  type WorkRequest,
  workerMessageSchema,
  workRequestSchema,
} from './schema.ts'

export interface DiskWorkDeps {
  startWorker: StartWorker
  signal: AbortSignal
  clock: Clock
  /** Milliseconds without a byte done or an operation ended, after which the disk counts as hanging. */
  stall: number
  progress(doneBytes: number, totalBytes: number): void
  /**
   * Overwrite: everything below is written for certain, except what is listed as not written by this process; of more
   * than 10,000 ranges only those are listed, the bytes count all. Called one after another; the work's end waits for the
   * last one. When one rejects the worker is ended, and so is this.
   */
  checkpoint?(writtenBytes: number, unwritten: Range[], unwrittenBytes: number): void | Promise<void>
}

/** A killed worker that has not ended after so many milliseconds hangs in the kernel, and is left there. */
const KILL_LIMIT = 5000
/** After its last word a worker has this long to end, in milliseconds. */
const LEAVE_LIMIT = 5000

const RESULTS = { overwrite: overwriteResultSchema, mark: markResultSchema, read: readResultSchema }

/**
 * Does work on a disk in a process of its own, which is ended when the disk hangs or the signal says so: whatever the
 * disk does, this returns.
 * @throws the signal's reason, once the worker has ended or was given up
 * @throws z.ZodError for a request that is none
 */
export function runDiskWork(request: OverwriteRequest, deps: DiskWorkDeps): Promise<WorkEnd<OverwriteResult>>
export function runDiskWork(request: MarkRequest, deps: DiskWorkDeps): Promise<WorkEnd<MarkResult>>
export function runDiskWork(request: ReadRequest, deps: DiskWorkDeps): Promise<WorkEnd<ReadResult>>
export async function runDiskWork(request: WorkRequest, deps: DiskWorkDeps): Promise<WorkEnd<unknown>> {
  const { signal } = deps
  const checked = workRequestSchema.parse(request)
  signal.throwIfAborted()
  const watched = watchWorker(checked, deps)
  const abort = Promise.withResolvers<'aborted'>()
  const aborted = () => abort.resolve('aborted')
  signal.addEventListener('abort', aborted, { once: true })
  try {
    const first = await Promise.race([watched.ended, watched.stalled, watched.failed, abort.promise])
    if (first === 'aborted') throw signal.reason
    if (first !== 'stalled') return await watched.saved(first)
    const killed = await watched.kill()
    const reason = `the disk has done nothing for ${deps.stall / 1000} s`
    return await watched.saved({ state: 'stalled', reason, at: watched.done(), killed })
  } catch (error) {
    await watched.kill()
    throw error
  } finally {
    signal.removeEventListener('abort', aborted)
    watched.stop()
  }
}

interface WatchedWorker {
  /** It has ended by itself, and how. */
  ended: Promise<WorkEnd<unknown>>
  stalled: Promise<'stalled'>
  /** Rejects when a checkpoint could not be kept. */
  failed: Promise<never>
  /** The same end, once every checkpoint is kept. */
  saved<End>(end: End): Promise<End>
  /** Ends it; whether it has ended. */
  kill(): Promise<boolean>
  done(): number
  stop(): void
}

function watchWorker(request: WorkRequest, deps: DiskWorkDeps): WatchedWorker {
  const ended = Promise.withResolvers<WorkEnd<unknown>>()
  const stalled = Promise.withResolvers<'stalled'>()
  const exited = Promise.withResolvers<true>()
  const failed = Promise.withResolvers<never>()
  let saving = Promise.resolve()
  const watchdog = startWatchdog(deps, () => stalled.resolve('stalled'))
  let told: WorkEnd<unknown> | undefined
  let seen = { done: 0, operations: -1 }
  let leaving: NodeJS.Timeout | undefined
  let over = false

  const message = (value: unknown) => {
    const { data, success } = workerMessageSchema.safeParse(value)
    // What cannot be understood is not movement either.
    if (!success || over) return
    if (data.kind === 'progress') {
      if (data.done !== seen.done || data.operations !== seen.operations) watchdog.moved()
      seen = { done: data.done, operations: data.operations }
      deps.progress(data.done, data.total)
    } else if (data.kind === 'checkpoint') {
      saving = saving.then(() => deps.checkpoint?.(data.written, data.unwritten, data.unwrittenBytes))
      saving.catch(failed.reject)
    } else {
      told = judgeEnd(data.end, request.work)
      const end = told
      // It has closed the disk; whether its process ends soon changes nothing.
      watchdog.stop()
      leaving = setTimeout(() => void kill().then(() => ended.resolve(end)), LEAVE_LIMIT)
    }
  }
  const exit = (how: WorkerExit) => {
    exited.resolve(true)
    ended.resolve(told ?? { state: 'broken', reason: describeExit(how) })
  }
  const worker: RunningWorker = deps.startWorker(DISK_WORKER, request, { message, exit })

  async function kill(): Promise<boolean> {
    worker.kill()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), KILL_LIMIT)
    })
    const killed = await Promise.race([exited.promise, late])
    clearTimeout(timer)
    if (!killed) worker.abandon()
    return killed
  }

  return {
    ended: ended.promise,
    stalled: stalled.promise,
    failed: failed.promise,
    saved: (end) => saving.then(() => end),
    kill,
    done: () => seen.done,
    stop() {
      over = true
      watchdog.stop()
      clearTimeout(leaving)
    },
  }
}

/** Work is done only with a result that is one of that work. */
function judgeEnd(end: WorkEnd<unknown>, work: WorkRequest['work']): WorkEnd<unknown> {
  if (end.state !== 'done') return end
  const { data, success } = RESULTS[work].safeParse(end.result)
  return success ? { state: 'done', result: data } : { state: 'broken', reason: 'the worker told no result' }
}

function describeExit({ code, signal, stderr }: WorkerExit): string {
  const how =
    signal !== null
      ? `was ended by ${signal}`
      : code === null
        ? 'could not be started'
        : `ended with exit code ${code}`
  const last = stderr.trim().split('\n').at(-1) ?? ''
  return `the worker ${how} before it was done${last === '' ? '' : `: ${last}`}`
}

/**
 * Counts quiet time in steps of which each counts for little: a process that was itself stopped, or a machine that slept,
 * must first hear what the worker has said meanwhile.
 */
function startWatchdog({ clock, stall }: DiskWorkDeps, bite: () => void): { moved(): void; stop(): void } {
  const step = Math.max(10, Math.min(1000, stall / 10))
  let quiet = 0
  let last = clock.monotonic()
  const timer = setInterval(() => {
    const now = clock.monotonic()
    quiet += Math.min(now - last, 2 * step)
    last = now
    if (quiet >= stall) bite()
  }, step)
  return {
    moved() {
      quiet = 0
    },
    stop: () => clearInterval(timer),
  }
}
