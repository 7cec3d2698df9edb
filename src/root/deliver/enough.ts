import { setTimeout as sleep } from 'node:timers/promises'

/** Milliseconds that an answer may take to end once all of it is here, so that its connection serves the next one. */
const LINGER = 1000

/**
 * The pieces of a body until there are enough. It may go on, or never end: what is left is for whoever disposes of it.
 * @throws what the body throws, before there are enough
 */
export async function* untilEnough(
  body: AsyncIterable<Uint8Array>,
  enough: () => boolean,
): AsyncGenerator<Uint8Array> {
  const pieces = body[Symbol.asyncIterator]()
  for (;;) {
    const next = pieces.next()
    if (enough()) {
      const ended = new AbortController()
      const end = next.catch(() => {}).finally(() => ended.abort())
      await Promise.race([end, sleep(LINGER, undefined, { signal: ended.signal }).catch(() => {})])
      return
    }
    const { done, value } = await next
    if (done === true) return
    yield value
  }
}
