/** Lines between a connection and who reads them. */
export interface LineQueue {
  /** Lines of a message; they wait for who reads them. */
  push(text: string): void
  /** No more lines come; who reads gets those that wait, then the error, if there is one. */
  end(error?: Error): void
  /** Drops what waits. */
  clear(): void
  /** The next line; undefined after the last one. @throws what the queue was ended with */
  next(): Promise<string | undefined>
}

/** Lines that wait at most; more come only of messages that are on their way already. */
const LIMIT = 10_000

/** @param flow told to stop the source while too many lines wait, and to let it go on */
export function createLineQueue(flow: { stop(): void; goOn(): void }): LineQueue {
  const lines: string[] = []
  let stopped = false
  let ended: { error: Error | undefined } | undefined
  let wake = () => {}
  return {
    push(text) {
      for (const line of text.split('\n')) if (line !== '') lines.push(line)
      if (!stopped && lines.length > LIMIT) {
        stopped = true
        flow.stop()
      }
      wake()
    },
    end(error) {
      ended ??= { error }
      wake()
    },
    clear() {
      lines.length = 0
    },
    async next() {
      for (;;) {
        const line = lines.shift()
        if (stopped && lines.length < LIMIT / 2) {
          stopped = false
          flow.goOn()
        }
        if (line !== undefined) return line
        if (ended?.error !== undefined) throw ended.error
        if (ended !== undefined) return undefined
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
  }
}
