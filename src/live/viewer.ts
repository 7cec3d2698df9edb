import type { EventFile } from '../runtime/event-file.ts'
import type { Outlet } from './outlet.ts'
import { CLOSE, type Greeting, type Hello } from './protocol.ts'
import type { Tail } from './tail.ts'

export interface ViewerOptions {
  since: number
  hello: Hello
  file: EventFile
  tail: Tail
  /** Aborted when the log ends: the viewer gets the rest and a goodbye. */
  ending: AbortSignal
}

/**
 * Serves one viewer until it is gone: the hello, then what it has not seen, read from the file at its own pace with no
 * more than one chunk in memory, then each batch of the tail. One that falls behind the tail goes on from the file.
 */
export async function serveViewer(outlet: Outlet, options: ViewerOptions): Promise<void> {
  const { since, hello, file, tail, ending } = options
  // The viewer may know more than the tail has read yet, or than there is.
  await tail.settle()
  const { last } = tail
  outlet.send(JSON.stringify({ ...hello, last } satisfies Greeting))
  const reader = await file.after(Math.min(since, last))
  const either = AbortSignal.any([outlet.gone, ending])
  for (;;) {
    await outlet.drained()
    if (outlet.gone.aborted) return
    if (reader.position !== tail.position || reader.last !== tail.last) {
      const { moves } = tail
      const lines = await reader.read(tail.position)
      if (lines === undefined) {
        if (ending.aborted) break
        await tail.beyond(moves, either)
      } else if (lines.length > 0) outlet.send(lines)
    } else if (ending.aborted) break
    else {
      // Says nothing new, and lets go of its buffer.
      reader.skipTo(tail)
      await followTail(outlet, tail, either, () => reader.skipTo(tail))
    }
  }
  outlet.close(CLOSE.goingAway, 'the log ends here')
}

/** Passes on batches until the viewer cannot keep up, or the signal. */
async function followTail(
  outlet: Outlet,
  tail: Tail,
  signal: AbortSignal,
  passed: () => void,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const leave = () => {
    unsubscribe()
    resolve()
  }
  const unsubscribe = tail.subscribe((lines) => {
    if (outlet.behind) return leave()
    outlet.send(lines)
    passed()
  })
  signal.addEventListener('abort', leave)
  await promise
  signal.removeEventListener('abort', leave)
}
