import { WebSocket } from 'ws'
import { LINE_LIMIT } from '../runtime/event-lines.ts'
import { type Event, eventSchema } from '../runtime/events.ts'
import { shownUrl } from './address.ts'
import { dial } from './dial.ts'
import { explainFailure, explainStatus, notALog, timedOut, UnreachableError } from './failure.ts'
import { createLineQueue } from './line-queue.ts'
import { CLOSE, type Greeting, greetingSchema } from './protocol.ts'

export { liveUrl } from './address.ts'

/** `line` is the event as it was sent. */
export type LiveMessage = { hello: Greeting } | { event: Event; line: string }

export interface ConnectOptions {
  signal: AbortSignal
  /** Milliseconds until the hello has to be there. */
  limit?: number
  /** Milliseconds without a word or a ping after which the connection counts as lost. */
  silence?: number
}

export interface LiveConnection extends Disposable {
  readonly hello: Greeting
  /**
   * Whole event lines until the connection ends; tells then whether the server said goodbye.
   * @throws UnreachableError when it breaks in any other way
   */
  lines(): AsyncGenerator<string, void>
}

const LIMIT = 10_000
/** More than two of the server's pings. */
const SILENCE = 75_000
/** Bytes: a chunk, or one long line. */
const MESSAGE_LIMIT = 2 * LINE_LIMIT

/**
 * The messages of a live log until the server says goodbye, or the signal.
 * @throws UnreachableError when there is no connection, or it breaks
 * @throws InputError when the token or the certificate is wrong
 * @throws NotALogError when something else answers
 */
export async function* readLive(url: URL, signal: AbortSignal): AsyncGenerator<LiveMessage> {
  try {
    using connection = await connectLive(url, { signal })
    yield { hello: connection.hello }
    for await (const line of connection.lines()) {
      const event = readEvent(line)
      if (event !== undefined) yield { event, line }
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/** Connects, and waits for the hello. @throws as `readLive` */
export async function connectLive(url: URL, options: ConnectOptions): Promise<LiveConnection> {
  const { signal, limit = LIMIT, silence = SILENCE } = options
  const shown = shownUrl(url)
  const late = AbortSignal.any([signal, AbortSignal.timeout(limit)])
  const socket = await open(url, late).catch((cause: Error) => {
    if (signal.aborted) throw givenUp(shown)
    throw late.aborted ? timedOut(shown, limit) : explainFailure(shown, cause)
  })

  let over = false
  let quiet: NodeJS.Timeout | undefined
  const heard = () => {
    clearTimeout(quiet)
    // What waits in the queue may be read long after the end.
    if (over) return
    quiet = setTimeout(() => end(new UnreachableError(`${shown}: silent for ${silence / 1000} s`)), silence)
  }
  const queue = createLineQueue({
    stop() {
      socket.pause()
      clearTimeout(quiet)
    },
    goOn() {
      socket.resume()
      heard()
    },
  })
  const end = (error?: Error) => {
    over = true
    queue.end(error)
    clearTimeout(quiet)
    socket.terminate()
  }
  const tooLate = () => end(signal.aborted ? givenUp(shown) : timedOut(shown, limit))
  const giveUp = () => {
    queue.clear()
    end()
  }

  socket.on('unexpected-response', (_, response) => end(explainStatus(shown, response.statusCode ?? 0)))
  socket.on('error', (cause) => end(explainFailure(shown, cause)))
  socket.on('ping', heard)
  socket.on('message', (data) => {
    heard()
    queue.push(String(data))
  })
  socket.on('close', (code, reason) => {
    const why = reason.length > 0 ? String(reason) : `code ${code}`
    end(code === CLOSE.goingAway ? undefined : new UnreachableError(`${shown}: connection lost (${why})`))
  })
  late.addEventListener('abort', tooLate)
  try {
    const hello = understandHello(await queue.next(), shown)
    signal.addEventListener('abort', giveUp)
    return {
      hello,
      async *lines() {
        for (let line = await queue.next(); line !== undefined; line = await queue.next()) yield line
      },
      [Symbol.dispose]() {
        signal.removeEventListener('abort', giveUp)
        end()
      },
    }
  } catch (error) {
    end()
    throw error
  } finally {
    late.removeEventListener('abort', tooLate)
  }
}

/** A websocket on a connection of ours, which is sent nothing before its certificate is known to be right. */
async function open(url: URL, signal: AbortSignal): Promise<WebSocket> {
  const connection = await dial(url, signal)
  const address = new URL(url)
  address.hash = ''
  return new WebSocket(address, {
    createConnection: () => connection,
    perMessageDeflate: false,
    maxPayload: MESSAGE_LIMIT,
  })
}

function givenUp(shown: string): UnreachableError {
  return new UnreachableError(`${shown}: given up`)
}

function understandHello(line: string | undefined, shown: string): Greeting {
  const hello = greetingSchema.safeParse(parseJson(line ?? ''))
  if (!hello.success) throw notALog(shown, 'its first word is no hello', hello.error)
  return hello.data
}

/** The event of a line; one of a kind that a newer speediso has is told as a line of the log; undefined: it is none. */
export function readEvent(line: string): Event | undefined {
  const message = parseJson(line)
  const event = eventSchema.safeParse(message)
  if (event.success) return event.data
  const { kind, ...stamp } = Object(message)
  const unknown = eventSchema.safeParse({
    ...stamp,
    kind: 'log',
    level: 'info',
    message: `${kind}: an event that this version of speediso does not know`,
  })
  return unknown.success ? unknown.data : undefined
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
