export interface Change {
  /** Something changed: who waits looks again. */
  tell(): void
  /** Until it holds, or the signal. */
  until(holds: () => boolean, signal: AbortSignal): Promise<void>
}

/** Lets several wait for conditions over state that they share. */
export function createChange(): Change {
  const waiting = new Set<() => void>()
  return {
    tell() {
      for (const look of [...waiting]) look()
    },
    async until(holds, signal) {
      if (holds() || signal.aborted) return
      await new Promise<void>((resolve) => {
        const look = () => {
          if (!holds() && !signal.aborted) return
          waiting.delete(look)
          signal.removeEventListener('abort', look)
          resolve()
        }
        waiting.add(look)
        signal.addEventListener('abort', look)
      })
    },
  }
}
