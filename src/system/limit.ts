import { TimeoutError } from '../errors.ts'

/**
 * The work's own end, or a TimeoutError after `milliseconds`, or the outer signal's reason. The work's signal is
 * aborted in both cases; work that does not heed it (a read that hangs in the kernel) is left behind.
 */
export async function withLimit<T>(
  milliseconds: number,
  outer: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  outer.throwIfAborted()
  const inner = new AbortController()
  const ended = Promise.withResolvers<never>()
  const end = (reason: unknown) => {
    inner.abort(reason)
    ended.reject(reason)
  }
  const cancel = () => end(outer.reason)
  const timer = setTimeout(
    () => end(new TimeoutError(`did not end within ${milliseconds / 1000} s`, { facts: { milliseconds } })),
    milliseconds,
  )
  outer.addEventListener('abort', cancel, { once: true })
  try {
    return await Promise.race([work(inner.signal), ended.promise])
  } finally {
    clearTimeout(timer)
    outer.removeEventListener('abort', cancel)
  }
}
