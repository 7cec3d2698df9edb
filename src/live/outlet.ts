import { WebSocket } from 'ws'
import { CLOSE } from './protocol.ts'

/** What goes out to one viewer. */
export interface Outlet {
  /** Aborted when the viewer is gone, or was shown out. */
  readonly gone: AbortSignal
  /** Something waits for this viewer in our memory. */
  readonly behind: boolean
  send(data: string | Buffer): void
  /** Until nothing waits any more, or the viewer is gone; one that takes too long is shown out. */
  drained(): Promise<void>
  /** Asks for a sign of life; shows the viewer out when it gave none since the last time. */
  ping(): void
  /** @param reason ASCII, at most 123 characters: RFC 6455, 5.5 */
  close(code: number, reason: string): void
}

/** @param limit milliseconds in which a viewer has to take what waits for it */
export function createOutlet(socket: WebSocket, limit: number): Outlet {
  const gone = new AbortController()
  let waiting = 0
  let draining = false
  let heard = true
  let wake = () => {}
  const sent = () => {
    waiting -= 1
    if (waiting === 0) wake()
  }
  const close = (code: number, reason: string) => {
    socket.close(code, reason)
    gone.abort()
    wake()
  }
  const dismiss = (why: string) =>
    close(CLOSE.tryAgain, `${why}; come back with since=NUMBER of your last event`)
  socket.on('close', () => {
    gone.abort()
    wake()
  })
  // ws itself closes a connection that breaks the protocol, with the code that says how.
  socket.on('error', () => {})
  socket.on('pong', () => {
    heard = true
  })
  socket.on('message', () => close(CLOSE.policy, 'this log is read only'))
  return {
    gone: gone.signal,
    get behind() {
      return waiting > 0
    },
    send(data) {
      if (socket.readyState !== WebSocket.OPEN) return
      waiting += 1
      socket.send(data, { binary: false }, sent)
    },
    async drained() {
      if (waiting === 0 || gone.signal.aborted) return
      draining = true
      const late = setTimeout(() => dismiss(`nothing was read for ${limit / 1000} s`), limit)
      await new Promise<void>((resolve) => {
        wake = resolve
      })
      clearTimeout(late)
      draining = false
      heard = true
    },
    ping() {
      // A ping waits behind what is sent: how long that may take is for `drained` to say.
      if (gone.signal.aborted || draining) return
      if (!heard) return dismiss('no answer to a ping')
      heard = false
      socket.ping()
    },
    close,
  }
}
