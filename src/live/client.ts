import { InputError, SpeedisoError } from '../errors.ts'
import { type Event, eventSchema } from '../runtime/events.ts'
import { EVENTS_PATH, type Hello, helloSchema } from './protocol.ts'

export type LiveMessage = { hello: Hello } | { event: Event }

/** The websocket address of a live log from what a person wrote: scheme, path and `since` filled in. */
export function liveUrl(text: string, since: number): URL {
  const url = URL.parse(/^\w+:\/\//.test(text) ? text : `ws://${text}`)
  if (url === null || !['ws:', 'wss:'].includes(url.protocol)) {
    throw new InputError(`${text}: is no address of a live log`, {
      hint: 'write ws://HOST:7373/?token=TOKEN',
    })
  }
  if (url.pathname === '/') url.pathname = EVENTS_PATH
  url.searchParams.set('since', String(since))
  return url
}

/**
 * The messages of a live log until the server ends it.
 * @throws SpeedisoError when the connection fails, or breaks other than by the server's goodbye
 */
export async function* readLive(url: URL, signal: AbortSignal): AsyncGenerator<LiveMessage> {
  const socket = new WebSocket(url)
  const queue: LiveMessage[] = []
  let ended: { error?: unknown } | undefined
  let wake = () => {}
  const shown = `${url.protocol}//${url.host}`
  const end = (error?: unknown) => {
    ended ??= error === undefined ? {} : { error }
    wake()
  }
  socket.onmessage = (message) => {
    try {
      queue.push(understand(String(message.data)))
      wake()
    } catch (cause) {
      end(new SpeedisoError(`${shown}: does not speak the live log's protocol`, { cause }))
    }
  }
  socket.onclose = ({ code, wasClean }) => {
    if (wasClean) end()
    else
      end(
        new SpeedisoError(`${shown}: the connection failed (${code})`, {
          hint: 'is the address right, and the token?',
        }),
      )
  }
  const stop = () => {
    socket.close()
    end()
  }
  signal.addEventListener('abort', stop, { once: true })
  try {
    for (;;) {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) yield next
      if (ended !== undefined) {
        if (ended.error !== undefined) throw ended.error
        return
      }
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  } finally {
    signal.removeEventListener('abort', stop)
    socket.close()
  }
}

function understand(text: string): LiveMessage {
  const message: unknown = JSON.parse(text)
  const hello = helloSchema.safeParse(message)
  return hello.success ? { hello: hello.data } : { event: eventSchema.parse(message) }
}
