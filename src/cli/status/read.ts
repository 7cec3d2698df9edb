import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { NOTHING, reduce, type View } from '../../live/page/model/view.ts'
import { liveFileSchema } from '../../live/protocol.ts'
import { type DeliveryState, deliverySchema, STATE_FILE } from '../../runtime/deliver/state.ts'
import type { Event } from '../../runtime/events.ts'
import { followEvents } from '../../runtime/follow.ts'
import { type Holder, readHolder } from '../../runtime/lock.ts'
import type { RunPaths } from '../../runtime/paths.ts'
import { readDocument } from '../document.ts'
import { noJobIn } from '../no-job.ts'

/**
 * Where a job is: `died` has no end and no living process, so its outcome is unknown. `waiting` has not begun, because
 * its job file is being fetched or the clock is being set.
 */
export type JobState = 'waiting' | 'running' | 'ended' | 'died'

export interface Status {
  state: JobState
  view: View
  host: string | undefined
  holder: Holder | undefined
  /** Path of the report, when it is there. */
  report: string | undefined
  /** How to follow the live log, when somebody serves it and this user may know. */
  live: { url: string; token: string; fingerprint?: string | undefined } | undefined
  delivery: DeliveryState | undefined
  /** Files that are there and cannot be read, in a line each. */
  unreadable: string[]
}

/** Reads what the process that does the job has written, beside it or after its end. @throws InputError when no job is there */
export async function readStatus(paths: RunPaths, signal: AbortSignal): Promise<Status> {
  if (!existsSync(paths.events)) throw noJobIn(paths.dir)
  // In this order: a process that ends meanwhile has written its end before.
  const holder = readHolder(paths.lock)
  const { view, host } = await readView(paths.events, signal)
  const unreadable: string[] = []
  const optional = async <T>(reading: Promise<T | undefined>): Promise<T | undefined> =>
    reading.catch((error: Error) => {
      unreadable.push(error.message)
      return undefined
    })
  const alive = holder?.alive === true
  const delivery = await optional(readDocument(join(paths.dir, STATE_FILE), 'delivery state', deliverySchema))
  const live = alive
    ? await optional(readDocument(paths.live, 'live log address', liveFileSchema))
    : undefined
  return {
    state:
      view.job.ended !== undefined
        ? 'ended'
        : !alive
          ? 'died'
          : view.job.started === undefined
            ? 'waiting'
            : 'running',
    view,
    host,
    holder,
    report: existsSync(paths.report) ? paths.report : undefined,
    live,
    delivery,
    unreadable,
  }
}

async function readView(
  path: string,
  signal: AbortSignal,
): Promise<{ view: View; host: string | undefined }> {
  let view = NOTHING
  let host: string | undefined
  for await (const { line } of followEvents(path, { since: 0, signal })) {
    const event = parse(line)
    if (event === undefined) continue
    view = reduce(view, event)
    host = event.host
  }
  return { view, host }
}

/** Undefined for a line that was damaged. */
function parse(line: string): Event | undefined {
  try {
    return JSON.parse(line) as Event
  } catch {
    return undefined
  }
}
