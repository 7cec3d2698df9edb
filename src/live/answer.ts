import { readFile } from 'node:fs/promises'
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { type Refusal, refuse, requestUrl } from './access.ts'
import { EVENTS_PATH, PAGE_PATH, REPORT_PATH } from './protocol.ts'

/** The page, in one file, and the Content-Security-Policy under which it is to run. */
export interface LivePage {
  html: string
  csp: string
}

export interface AnswerOptions {
  token: string
  page?: LivePage | undefined
  /** Path of the report, served once it is there. */
  report: string
}

const NOTHING_HERE = `The live log is a websocket at ${EVENTS_PATH}, the report is at ${REPORT_PATH}`

/** Nothing of a host is to be kept, framed, guessed at or told to others. */
const GUARDED = {
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

/** Answers plain HTTP: the page for everybody, the report for who has the token. */
export async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { token, page, report }: AnswerOptions,
): Promise<void> {
  const reply = (status: number, type: string, body: string, more: Record<string, string> = {}) => {
    const length = Buffer.byteLength(body)
    response.writeHead(status, {
      ...GUARDED,
      'content-type': `${type}; charset=utf-8`,
      'content-length': length,
      ...more,
    })
    response.end(request.method === 'HEAD' ? undefined : body)
  }
  const say = (status: number, words: string) => reply(status, 'text/plain', `${words}\n`)
  const url = requestUrl(request)
  if (request.method !== 'GET' && request.method !== 'HEAD') say(405, 'This server is read only')
  else if (url?.pathname === PAGE_PATH && page !== undefined)
    reply(200, 'text/html', page.html, { 'content-security-policy': page.csp })
  else if (url?.pathname !== REPORT_PATH) say(404, NOTHING_HERE)
  else {
    const refusal = refuse(request, url, token)
    if (refusal !== undefined) return say(refusal.status, refusal.words)
    const text = await readFile(report, 'utf8').catch(() => undefined)
    if (text === undefined) say(404, 'There is no report yet: the job has not ended')
    else reply(200, 'application/json', text)
  }
}

/** Refuses a request that asked for a websocket; HTTP's own response object is not to be had there. */
export function refuseUpgrade(socket: Duplex, { status, words }: Refusal): void {
  const body = `${words}\n`
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    () => socket.destroy(),
  )
}
