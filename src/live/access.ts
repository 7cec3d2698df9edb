import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { EVENTS_PATH } from './protocol.ts'

/** An HTTP status that refuses a request, and the words for whoever asked. */
export interface Refusal {
  status: 400 | 401 | 403 | 404 | 503
  words: string
}

const ELSEWHERE: Refusal = { status: 404, words: `The live log is a websocket at ${EVENTS_PATH}` }
const FOREIGN: Refusal = { status: 403, words: 'The page that asks is of another server' }
const WRONG_TOKEN: Refusal = { status: 401, words: 'Wrong token' }
const NO_NUMBER: Refusal = { status: 400, words: 'since= takes an event number' }

/** What a viewer asks for, or why it does not get it. */
export function understandViewer(request: IncomingMessage, token: string): { since: number } | Refusal {
  const url = requestUrl(request)
  if (url?.pathname !== EVENTS_PATH) return ELSEWHERE
  const refusal = refuse(request, url, token)
  if (refusal !== undefined) return refusal
  const since = url.searchParams.get('since') ?? '0'
  return /^\d{1,15}$/.test(since) ? { since: Number(since) } : NO_NUMBER
}

/** Why somebody may not read what the token guards; undefined: may. */
export function refuse(request: IncomingMessage, url: URL, token: string): Refusal | undefined {
  if (!isOwnOrigin(request)) return FOREIGN
  const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1]
  return sameToken(url.searchParams.get('token') ?? bearer ?? '', token) ? undefined : WRONG_TOKEN
}

export function requestUrl(request: IncomingMessage): URL | null {
  return URL.parse(request.url ?? '/', 'http://host')
}

/** Browsers name the page that asks; another site's must not read with what its visitor may. Programs name none. */
function isOwnOrigin({ headers: { origin, host } }: IncomingMessage): boolean {
  return origin === undefined || (host !== undefined && URL.parse(origin)?.host === host.toLowerCase())
}

/** Compared by digest, so that neither content nor length shows in the time it takes. */
function sameToken(given: string, token: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(token))
}
