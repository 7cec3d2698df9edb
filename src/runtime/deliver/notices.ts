import { setTimeout as sleep } from 'node:timers/promises'
import type { Message } from './message.ts'

export interface QueuedNotice {
  message: Message
  /** For people. */
  label: string
  /** A report says what it says; there is no need for it any more once that is accepted. */
  passes: boolean
}

export interface NoticeLane {
  /** Posts it after those before it. True once accepted; false when it was not, within the time that an act waits. */
  push(notice: QueuedNotice): Promise<boolean>
  /** Until none is waiting, at most as long as an act waits. */
  drained(): Promise<void>
  /** Drops those that wait and pass. */
  overtake(): void
  readonly waiting: number
}

export interface NoticeLaneOptions {
  /** Attempts until accepted (true) or given up (false). */
  deliver: (notice: QueuedNotice, signal: AbortSignal) => Promise<boolean>
  /** What has to come before the first notice. */
  after: Promise<void>
  /** Milliseconds that an act waits for its notice. */
  limit: number
  signal: AbortSignal
  accepted: () => void
  dropped: () => void
}

interface Waiting {
  notice: QueuedNotice
  dropped: AbortController
  end: PromiseWithResolvers<boolean>
}

/** Notices keep their order: one is posted when the one before it is accepted or given up. */
export function createNoticeLane(options: NoticeLaneOptions): NoticeLane {
  const { limit, signal } = options
  const queue: Waiting[] = []
  let working: Promise<void> = options.after

  const work = async (waiting: Waiting) => {
    const { notice, dropped, end } = waiting
    const both = AbortSignal.any([signal, dropped.signal])
    const accepted = !both.aborted && (await options.deliver(notice, both))
    queue.splice(queue.indexOf(waiting), 1)
    if (accepted) options.accepted()
    else if (!signal.aborted) options.dropped()
    end.resolve(accepted)
  }
  const within = async <T>(promise: Promise<T>, otherwise: T): Promise<T> => {
    const over = new AbortController()
    const late = sleep(limit, otherwise, { signal: AbortSignal.any([signal, over.signal]) })
    try {
      return await Promise.race([promise, late.catch(() => otherwise)])
    } finally {
      over.abort()
    }
  }

  return {
    get waiting() {
      return queue.length
    },
    push(notice) {
      const waiting = { notice, dropped: new AbortController(), end: Promise.withResolvers<boolean>() }
      queue.push(waiting)
      working = working.then(() => work(waiting))
      return within(waiting.end.promise, false)
    },
    drained: () => within(working, undefined),
    overtake() {
      for (const { notice, dropped } of queue) if (notice.passes) dropped.abort()
    },
  }
}
