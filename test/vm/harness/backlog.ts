import { setTimeout as delay } from 'node:timers/promises'

export interface WaitOptions {
  signal?: AbortSignal
  /** Milliseconds; without it only the end of the source ends the wait. */
  limit?: number
  /** Ignores what came before this place, a `length` seen earlier. */
  since?: number
  /** Also takes a last item that is not whole yet, such as a prompt without a line break. */
  unfinished?: boolean
}

/** Turns a wait that came to nothing into the error to throw. */
export type WaitFailure = (what: string, why: string, cause?: unknown) => Error

/** A growing list whose items, past and to come, can be waited for. */
export interface Backlog<T> {
  readonly items: readonly T[]
  push(item: T): void
  /** An item that is not whole yet, for `unfinished`; it is replaced by the next call of either. */
  preview(item: T | undefined): void
  /** Nothing more will come: pending and later waits fail with this reason, unless what they want is here already. */
  end(why: string, cause?: unknown): void
  /**
   * The first item that matches.
   * @param what it is, for the error, such as `"login:" on the serial console`
   */
  waitFor(matches: (item: T) => boolean, what: string, options?: WaitOptions): Promise<T>
}

export function createBacklog<T>(failure: WaitFailure): Backlog<T> {
  const items: T[] = []
  const waits = new Set<{ unfinished: boolean; offer(item: T): void; end(): void }>()
  let next: { item: T } | undefined
  let ended: { why: string; cause: unknown } | undefined

  return {
    items,
    push(item) {
      next = undefined
      items.push(item)
      for (const wait of waits) wait.offer(item)
    },
    preview(item) {
      next = item === undefined ? undefined : { item }
      if (next === undefined) return
      for (const wait of waits) if (wait.unfinished) wait.offer(next.item)
    },
    end(why, cause) {
      ended ??= { why, cause }
      for (const wait of waits) wait.end()
    },
    async waitFor(matches, what, { signal, limit, since = 0, unfinished = false } = {}) {
      const known = items.slice(since).find(matches)
      if (known !== undefined) return known
      if (unfinished && next !== undefined && matches(next.item)) return next.item
      if (ended !== undefined) throw failure(what, ended.why, ended.cause)
      signal?.throwIfAborted()

      const { promise, resolve, reject } = Promise.withResolvers<T>()
      const wait = {
        unfinished,
        offer(item: T) {
          try {
            if (matches(item)) resolve(item)
          } catch (error) {
            reject(error)
          }
        },
        end: () => reject(failure(what, ended?.why ?? 'it ended', ended?.cause)),
      }
      const aborted = () => reject(signal?.reason)
      const timer = new AbortController()
      waits.add(wait)
      signal?.addEventListener('abort', aborted)
      if (limit !== undefined) {
        delay(limit, undefined, { signal: timer.signal }).then(
          () => reject(failure(what, `not within ${limit / 1000} s`)),
          () => {},
        )
      }
      try {
        return await promise
      } finally {
        waits.delete(wait)
        signal?.removeEventListener('abort', aborted)
        timer.abort()
      }
    },
  }
}
