import { createHash, timingSafeEqual } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'
import { InputError } from '../errors.ts'
import { type FollowOptions, followEvents } from '../runtime/follow.ts'
import { CLOSE, EVENTS_PATH, type Hello, REPORT_PATH } from './protocol.ts'

export interface LiveServerOptions {
  address: string
  /** 0: any free one. */
  port: number
  token: string
  hello: Hello
  events: { path: string; watch: NonNullable<FollowOptions['watch']> }
  /** Path of the report, served once it is there. */
  report: string
}

export interface LiveServer extends AsyncDisposable {
  readonly address: string
  readonly port: number
}

/** No more is read for a viewer while this much waits for its socket; it costs no more memory than that. */
const BACKLOG_PAUSE = 1024 * 1024
/** Nobody has anything to say to a live log. */
const MESSAGE_LIMIT = 1024

/**
 * Serves the event file to viewers: replay from `since`, then live. Viewers only read; each one reads the file at its
 * own pace, so a slow one slows neither the job nor the others.
 * @throws InputError when it cannot listen there
 */
export async function startLiveServer(options: LiveServerOptions): Promise<LiveServer> {
  const closing = new AbortController()
  const http = createServer((request, response) => void answer(request, response, options))
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MESSAGE_LIMIT, perMessageDeflate: false })

  http.on('upgrade', (request, socket, head) => {
    // A viewer that goes away during the handshake is no error of ours.
    socket.on('error', () => socket.destroy())
    const asked = understand(request, options.token)
    if (typeof asked !== 'number') {
      sockets.handleUpgrade(request, socket, head, (viewer) => void serve(viewer, asked.since))
      return
    }
    const words = { 400: 'Bad Request', 401: 'Unauthorized', 404: 'Not Found' }[asked]
    socket.end(`HTTP/1.1 ${asked} ${words}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  })

  const serve = async (viewer: WebSocket, since: number) => {
    const gone = new AbortController()
    viewer.on('close', () => gone.abort())
    viewer.on('error', () => viewer.terminate())
    viewer.on('message', () => viewer.close(CLOSE.policy, 'this log is read only'))
    viewer.send(JSON.stringify(options.hello))
    const signal = AbortSignal.any([closing.signal, gone.signal])
    const { path, watch } = options.events
    for await (const { line } of followEvents(path, { since, watch, signal })) {
      viewer.send(line)
      while (viewer.bufferedAmount > BACKLOG_PAUSE && !signal.aborted) await drained(viewer, signal)
    }
    viewer.close(CLOSE.goingAway)
  }

  await new Promise<void>((resolve, reject) => {
    http.once('error', (cause) => {
      reject(
        new InputError(`live log: cannot listen on ${options.address}:${options.port}`, {
          hint: 'choose another speediso.log=ADDR:PORT, or off',
          cause,
        }),
      )
    })
    http.listen(options.port, options.address, resolve)
  })
  const { address, port } = http.address() as AddressInfo
  return {
    address,
    port,
    async [Symbol.asyncDispose]() {
      closing.abort()
      const closed = new Promise((resolve) => http.close(resolve))
      for (const viewer of sockets.clients) viewer.close(CLOSE.goingAway)
      http.closeAllConnections()
      await closed
    },
  }
}

/** Plain HTTP: the report, and for everything else where to look. */
async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: LiveServerOptions,
): Promise<void> {
  const reply = (status: number, type: string, body: string) => {
    response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body)
  }
  const url = URL.parse(request.url ?? '/', 'http://host')
  if (request.method !== 'GET') reply(405, 'text/plain', 'This server is read only\n')
  else if (url === null || url.pathname !== REPORT_PATH) {
    reply(
      404,
      'text/plain',
      `The live log is a websocket at ${EVENTS_PATH}, the report is at ${REPORT_PATH}\n`,
    )
  } else if (!mayRead(request, url, options.token)) reply(401, 'text/plain', 'Wrong token\n')
  else {
    const text = await readFile(options.report, 'utf8').catch(() => undefined)
    if (text === undefined) reply(404, 'text/plain', 'There is no report yet: the job has not ended\n')
    else reply(200, 'application/json', text)
  }
}

/** What a viewer asks for, or the HTTP status that refuses it. */
function understand(request: IncomingMessage, token: string): { since: number } | 400 | 401 | 404 {
  const url = URL.parse(request.url ?? '/', 'http://host')
  if (url === null) return 400
  if (url.pathname !== EVENTS_PATH) return 404
  if (!mayRead(request, url, token)) return 401
  const since = url.searchParams.get('since') ?? '0'
  return /^\d{1,15}$/.test(since) ? { since: Number(since) } : 400
}

function mayRead(request: IncomingMessage, url: URL, token: string): boolean {
  const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1]
  return sameToken(url.searchParams.get('token') ?? bearer ?? '', token)
}

/** Compared by digest, so that neither content nor length shows in the time it takes. */
function sameToken(given: string, token: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(token))
}

/** Until some of what waits for this viewer is sent, or it is gone. */
async function drained(viewer: WebSocket, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = () => {
      signal.removeEventListener('abort', done)
      resolve()
    }
    signal.addEventListener('abort', done, { once: true })
    // A ping goes out after what is queued, so its callback tells that the queue is through.
    viewer.ping(undefined, undefined, done)
    if (viewer.readyState !== WebSocket.OPEN) done()
  })
}
