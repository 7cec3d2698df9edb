import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { TimeoutError } from '../../../src/errors.ts'
import { type Backlog, createBacklog, type WaitOptions } from './backlog.ts'
import { type Content, fileOf, openContent } from './content.ts'
import { corrupted, createFaults, type Fault, find, first } from './faults.ts'
import { parseRange } from './range.ts'
import { finish, plain, send } from './respond.ts'

/** One request, told when its answer is over. */
export interface ServedRequest {
  method: string
  path: string
  /** The Range header. */
  range?: string
  userAgent?: string
  /** 0 when the connection was dropped without an answer. */
  status: number
  /** Of the body, handed to the network. */
  bytesSent: number
  /** Whether all that was announced was sent. */
  complete: boolean
}

export interface FileServer extends AsyncDisposable {
  readonly port: number
  /** Requests that are over, in the order of their end. */
  readonly requests: readonly ServedRequest[]
  /** Address as this machine reaches it. */
  url(path: string): string
  /** Address as a guest's user network reaches it. */
  guestUrl(path: string): string
  /** Serves one more content, or another one, under this path. */
  add(path: string, content: Content): void
  /** Makes a path misbehave from now on; several faults work together, none makes it well again. */
  fault(path: string, ...faults: Fault[]): void
  /** The first request of this path (or that satisfies this) whose answer is over, also among the past ones. */
  waitForRequest(
    wanted: string | ((request: ServedRequest) => boolean),
    options?: WaitOptions,
  ): Promise<ServedRequest>
}

/** Where QEMU's user network shows this machine to its guests. */
const HOST_FOR_GUESTS = '10.0.2.2'

/**
 * Serves a folder, or contents by path, over HTTP on a free port of 127.0.0.1.
 * @param onRequest told each request when its answer is over
 */
export async function serveFiles(
  source: string | Readonly<Record<string, Content>>,
  { onRequest }: { onRequest?: (request: ServedRequest) => void } = {},
): Promise<FileServer> {
  const contents = new Map(typeof source === 'string' ? [] : Object.entries(source))
  const faults = createFaults()
  const requests: Backlog<ServedRequest> = createBacklog((what, why, cause) => {
    const seen = requests.items.map(({ method, path, status }) => `${method} ${path} ${status}`)
    return new TimeoutError(`no ${what}: ${why}; requests so far: ${seen.join(', ') || 'none'}`, { cause })
  })
  const lookUp = async (path: string) =>
    contents.get(path) ?? (typeof source === 'string' ? await fileOf(source, path) : undefined)

  const server = createServer((request, response) => {
    const { method = 'GET', headers } = request
    const path = pathOf(request)
    const { range, 'user-agent': userAgent } = headers
    // A client that goes away in the middle is an everyday thing; the request tells it.
    void answer(request, response, path, faults.take(path), lookUp)
      .catch(() => {
        response.destroy()
        return { status: response.headersSent ? response.statusCode : 0, bytesSent: 0, complete: false }
      })
      .then((result) => {
        const known = { ...(range === undefined ? {} : { range }), ...(userAgent && { userAgent }) }
        const served = { method, path, ...known, ...result }
        requests.push(served)
        onRequest?.(served)
      })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    requests: requests.items,
    url: (path) => `http://127.0.0.1:${port}${path}`,
    guestUrl: (path) => `http://${HOST_FOR_GUESTS}:${port}${path}`,
    add: (path, content) => void contents.set(path, content),
    fault: (path, ...list) => faults.set(path, list),
    waitForRequest(wanted, options) {
      const matches = typeof wanted === 'string' ? ({ path }: ServedRequest) => path === wanted : wanted
      return requests.waitFor(matches, `request${typeof wanted === 'string' ? ` of ${wanted}` : ''}`, options)
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
      requests.end('the server was closed')
    },
  }
}

type Answered = Pick<ServedRequest, 'status' | 'bytesSent' | 'complete'>

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  faults: readonly Fault[],
  lookUp: (path: string) => Promise<Content | undefined>,
): Promise<Answered> {
  const wait = find(faults, 'delay')
  if (wait !== undefined) await delay(wait.milliseconds, undefined, { ref: false })
  if (find(faults, 'drop') !== undefined) {
    response.destroy()
    return { status: 0, bytesSent: 0, complete: false }
  }
  const refused = find(faults, 'status')?.status
  if (refused !== undefined) return plain(response, refused)
  if (request.method !== 'GET' && request.method !== 'HEAD') return plain(response, 405)
  const content = await lookUp(path)
  const source = content === undefined ? undefined : await openContent(content)
  if (source === undefined) return plain(response, 404)

  const { range: header, 'if-range': validator } = request.headers
  const range = parseRange(
    validator === undefined || validator === source.etag ? header : undefined,
    source.size,
  )
  if (range.kind === 'none') {
    response.setHeader('Content-Range', `bytes */${source.size}`)
    return plain(response, 416)
  }
  const { start, end } = range.kind === 'part' ? range : { start: 0, end: source.size }
  const status = range.kind === 'part' ? 206 : 200
  response.writeHead(status, {
    'Content-Type': 'application/octet-stream',
    'Content-Length': end - start,
    'Accept-Ranges': 'bytes',
    ETag: source.etag,
    ...(range.kind === 'part' ? { 'Content-Range': `bytes ${start}-${end - 1}/${source.size}` } : {}),
  })
  if (request.method === 'HEAD') {
    return { status, bytesSent: 0, complete: await finish(response) }
  }
  let body = source.read(start, end)
  const flip = find(faults, 'corrupt')
  if (flip !== undefined) body = corrupted(body, start, flip.at)
  const cut = find(faults, 'cut')
  if (cut !== undefined) body = first(body, cut.after)
  const bytesSent = await send(response, body)
  if (bytesSent === end - start) return { status, bytesSent, complete: await finish(response) }
  // Node would wait for the rest for ever; what was sent must still reach the client before the connection goes.
  response.socket?.destroySoon()
  return { status, bytesSent, complete: false }
}

/** Path of a request without its query; what cannot be decoded stays as it is and is found nowhere. */
function pathOf({ url = '/' }: IncomingMessage): string {
  const [path = '/'] = url.split('?')
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}
