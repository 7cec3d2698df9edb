import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import { liveUrl, readLive } from '../../../src/live/client.ts'
import type { Greeting, Hello } from '../../../src/live/protocol.ts'
import { type LiveServer, type LiveServerOptions, startLiveServer } from '../../../src/live/server.ts'
import { type EventLog, openEventLog } from '../../../src/runtime/event-log.ts'
import { systemClock } from '../../../src/system/clock.ts'
import { temporaryDir } from './temporary.ts'

export const TOKEN = 'right-token'

export const HELLO: Hello = {
  schema: 'speediso.hello/1',
  host: 'test',
  boot_id: 'boot-1',
  speediso: { version: '1', commit: 'c' },
  image: null,
}

const base = temporaryDir()
export const freshDir = () => mkdtempSync(join(base, 'live-'))

/** A live log of its own, and how to write to it. */
export interface TestLog extends AsyncDisposable {
  readonly dir: string
  readonly log: EventLog
  readonly server: LiveServer
  readonly options: LiveServerOptions
  say(message: string): void
  sayMany(count: number, message?: string): void
  url(since?: number, token?: string): URL
}

export async function startLog(more: Partial<LiveServerOptions> = {}, dir = freshDir()): Promise<TestLog> {
  const log = openEventLog(join(dir, 'events.ndjson'), 'test', systemClock)
  const say = (message: string) => log.append({ kind: 'log', level: 'info', message })
  const options: LiveServerOptions = {
    address: '127.0.0.1',
    port: 0,
    token: TOKEN,
    hello: HELLO,
    events: log,
    report: join(dir, 'report.json'),
    warn: (message) => log.append({ kind: 'log', level: 'warning', message }),
    ...more,
  }
  const server = await startLiveServer(options)
  return {
    dir,
    log,
    server,
    options,
    say,
    sayMany(count, message = 'x') {
      for (let i = 0; i < count; i += 1) say(message)
    },
    url: (since = 0, token = TOKEN) => liveUrl(`http://127.0.0.1:${server.port}/#token=${token}`, since),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      log.close()
    },
  }
}

/** Numbers of the events above `since`, up to `until`. */
export async function view(url: URL, until: number): Promise<number[]> {
  const seen: number[] = []
  for await (const message of readLive(url, AbortSignal.timeout(20_000))) {
    if ('hello' in message) continue
    seen.push(message.event.seq)
    if (message.event.seq >= until) break
  }
  return seen
}

export const numbers = (first: number, last: number) =>
  Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i)

/** A viewer that takes whole messages as they come. */
export interface RawViewer extends Disposable {
  readonly socket: WebSocket
  readonly hello: Greeting
  /** Event lines so far. */
  readonly lines: string[]
  readonly closed: Promise<{ code: number; reason: string }>
  until(done: (lines: string[]) => boolean): Promise<void>
}

export async function openViewer(
  url: URL,
  options: ConstructorParameters<typeof WebSocket>[2] = {},
): Promise<RawViewer> {
  const socket = new WebSocket(url, options)
  const lines: string[] = []
  let hello: Greeting | undefined
  let check = () => {}
  const greeted = Promise.withResolvers<void>()
  socket.on('error', greeted.reject)
  socket.on('message', (data) => {
    if (hello === undefined) {
      hello = JSON.parse(String(data))
      greeted.resolve()
    } else lines.push(...String(data).split('\n').filter(Boolean))
    check()
  })
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => resolve({ code, reason: String(reason) }))
  })
  await greeted.promise
  return {
    socket,
    hello: hello as unknown as Greeting,
    lines,
    closed,
    until: (done) =>
      new Promise((resolve) => {
        check = () => done(lines) && resolve()
        check()
      }),
    [Symbol.dispose]: () => socket.terminate(),
  }
}

export const seqOf = (line: string): number => JSON.parse(line).seq

/** Asks for the websocket by hand, and leaves reading to the test. */
export async function askRaw(port: number, since = 0): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(
    `GET /events?token=${TOKEN}&since=${since} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  )
  return socket
}

/** Everything that a connection says until it ends. */
export async function readAll(socket: Socket): Promise<string> {
  let text = ''
  socket.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
  })
  socket.on('error', () => {})
  if (!socket.closed) await once(socket, 'close')
  return text
}
