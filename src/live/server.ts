import { createServer as createHttpServer, type Server as HttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import { explainInLine, InputError } from '../errors.ts'
import { openEventFile } from '../runtime/event-file.ts'
import type { FollowOptions } from '../runtime/follow.ts'
import { type Refusal, understandViewer } from './access.ts'
import { type AnswerOptions, answer, refuseUpgrade } from './answer.ts'
import { limitHalfOpen } from './half-open.ts'
import { createOutlet, type Outlet } from './outlet.ts'
import { CLOSE, type Hello } from './protocol.ts'
import { openTail } from './tail.ts'
import { serveViewer } from './viewer.ts'

export interface LiveServerOptions extends AnswerOptions {
  address: string
  /** 0: any free one. */
  port: number
  hello: Hello
  events: { path: string; watch: NonNullable<FollowOptions['watch']> }
  /** PEM; absent: plain HTTP. */
  tls?: { key: string; cert: string } | undefined
  /** Told when the event file was damaged or cannot be read. */
  warn?: (message: string) => void
  limits?: Partial<LiveLimits>
}

/** Times in milliseconds. */
export interface LiveLimits {
  viewers: number
  /** Connections that have not asked for anything in their first `patience`. */
  halfOpen: number
  patience: number
  /** In which a TLS handshake is done, and the head of a request has come. */
  request: number
  /** Between two pings; who has not answered one when the next is due is shown out. */
  ping: number
  /** In which a viewer takes what waits for it. */
  drain: number
  /** In which viewers get the rest when the log ends. */
  goodbye: number
}

export interface LiveServer extends AsyncDisposable {
  readonly address: string
  readonly port: number
}

const LIMITS: LiveLimits = {
  viewers: 256,
  halfOpen: 64,
  patience: 1000,
  request: 10_000,
  ping: 30_000,
  drain: 60_000,
  goodbye: 2000,
}

/** Bytes of a request's head; a browser's is far smaller. */
const HEAD_LIMIT = 8 * 1024
/** Connections beside those of viewers: they ask for the page or the report, and end. */
const OTHER_CONNECTIONS = 256

const SOCKETS = {
  noServer: true,
  /** Bytes. Nobody has anything to say to a live log. */
  maxPayload: 1024,
  perMessageDeflate: false,
  /** Milliseconds for a viewer to answer a goodbye. */
  closeTimeout: 5000,
}

const FULL: Refusal = { status: 503, words: 'As many viewers as there may be are watching already' }

/**
 * Serves the event file to viewers: a hello, what they have not seen, then each event as it comes. Viewers only read; a
 * slow one slows neither the job nor the others, is shown out in the end, and may come back for what it has missed.
 * @throws InputError when it cannot listen there
 */
export async function startLiveServer(options: LiveServerOptions): Promise<LiveServer> {
  const limits = { ...LIMITS, ...options.limits }
  const warn = options.warn ?? (() => {})
  await using made = new AsyncDisposableStack()
  const file = made.use(await openEventFile(options.events.path))
  const tail = made.use(await openTail({ file, watch: options.events.watch, warn }))
  const sockets = new WebSocketServer(SOCKETS)
  const http = createServer(options, limits)
  const closeHalfOpen = limitHalfOpen(http, limits.halfOpen, limits.patience)
  const ending = new AbortController()
  const viewers = new Map<Outlet, Promise<void>>()

  http.on('request', (request, response) => {
    answer(request, response, options).catch(() => response.destroy())
  })
  http.on('upgrade', (request, socket, head) => {
    // A viewer that goes away during the handshake is no error of ours.
    socket.on('error', () => socket.destroy())
    const asked = understandViewer(request, options.token)
    if ('status' in asked) return refuseUpgrade(socket, asked)
    if (sockets.clients.size >= limits.viewers) return refuseUpgrade(socket, FULL)
    sockets.handleUpgrade(request, socket, head, (viewer) => {
      const outlet = createOutlet(viewer, limits.drain)
      const { hello } = options
      const served = serveViewer(outlet, { since: asked.since, hello, file, tail, ending: ending.signal })
        .catch((error: unknown) => {
          warn(`live log: a viewer cannot be served: ${explainInLine(error)}`)
          outlet.close(CLOSE.broken, 'the event file cannot be read')
        })
        .finally(() => viewers.delete(outlet))
      viewers.set(outlet, served)
    })
  })

  await listen(http, options)
  // A connection that cannot be taken, such as for want of file descriptors.
  http.on('error', (error) => warn(`live log: ${explainInLine(error)}`))
  const pinging = setInterval(() => {
    for (const outlet of viewers.keys()) outlet.ping()
  }, limits.ping)
  const { address, port } = http.address() as AddressInfo
  const owned = made.move()
  return {
    address,
    port,
    async [Symbol.asyncDispose]() {
      clearInterval(pinging)
      const closed = new Promise((resolve) => http.close(resolve))
      await tail.settle()
      ending.abort()
      const late = setTimeout(() => {
        for (const outlet of viewers.keys()) outlet.close(CLOSE.goingAway, 'the log ends here')
      }, limits.goodbye)
      await Promise.all(viewers.values())
      clearTimeout(late)
      const gone = setTimeout(() => {
        for (const viewer of sockets.clients) viewer.terminate()
      }, limits.goodbye)
      http.closeAllConnections()
      closeHalfOpen()
      await closed
      clearTimeout(gone)
      await owned.disposeAsync()
    },
  }
}

/** A server on which nobody can wait for long, or hold much, without asking for something. */
function createServer({ tls }: LiveServerOptions, limits: LiveLimits): HttpServer {
  const guarded = {
    maxHeaderSize: HEAD_LIMIT,
    // The head has no longer than the whole.
    requestTimeout: limits.request,
    connectionsCheckingInterval: Math.min(1000, limits.request),
  }
  const http: HttpServer =
    tls === undefined
      ? createHttpServer(guarded)
      : createHttpsServer({ ...guarded, ...tls, handshakeTimeout: limits.request })
  // One answer a connection: what stays open is a viewer, or has not asked yet.
  http.maxRequestsPerSocket = 1
  http.maxConnections = limits.viewers + limits.halfOpen + OTHER_CONNECTIONS
  http.setTimeout(limits.drain)
  return http
}

async function listen(http: HttpServer, { address, port }: LiveServerOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    http.once('error', (cause) => {
      reject(
        new InputError(`live log: cannot listen on ${address}:${port}`, {
          hint: 'choose another speediso.log=ADDR:PORT, or off',
          cause,
        }),
      )
    })
    http.listen(port, address, resolve)
  })
}
