import { type ErrorDetails, SpeedisoError } from '../../errors.ts'
import type { Job } from '../../job/schema.ts'
import { maskCredentials } from '../../mask.ts'
import type { Clock } from '../../system/clock.ts'
import type { Http, HttpAnswer, HttpRequest } from '../../system/http.ts'
import type { Message } from './message.ts'
import { sign } from './sign.ts'

/** The server answered, and did not take it. */
export class RefusedError extends SpeedisoError {
  override readonly code: string = 'refused'
  readonly status: number

  constructor(message: string, status: number, details: ErrorDetails = {}) {
    super(message, { ...details, facts: { ...details.facts, status } })
    this.status = status
  }
}

/** Where messages go, and what proves whose they are. */
export interface Target extends Omit<Job['report'], 'url' | 'wait'> {
  url: string
}

/** Nobody reads more of an answer than its status. */
const ANSWER_LIMIT = 64 * 1024

export interface PostDependencies {
  http: Http
  clock: Clock
}

/** Posts a message once. @throws HttpError without an answer, RefusedError for every status but 2xx */
export async function post(
  message: Message,
  target: Target,
  { http, clock }: PostDependencies,
  limits: Required<Pick<HttpRequest, 'timeout' | 'signal'>>,
): Promise<void> {
  const { body } = message
  const headers = headersOf(message, target, clock)
  const answer = await http(target.url, { method: 'POST', headers, body, limit: ANSWER_LIMIT, ...limits })
  expectSuccess(answer, target.url)
}

/** @throws RefusedError unless the status is 2xx */
export function expectSuccess({ status, headers }: HttpAnswer, url: string): void {
  if (status >= 200 && status < 300) return
  const to = headers.get('location')
  const where = to !== null && status >= 300 && status < 400 ? ` (to ${maskCredentials(to)})` : ''
  throw new RefusedError(`${maskCredentials(url)} answers ${status}${where}`, status)
}

/** Signed anew at each attempt, with the time of the attempt. */
function headersOf(message: Message, { token, hmac_key: key }: Target, clock: Clock): Record<string, string> {
  const timestamp = Math.floor(clock.now() / 1000)
  return {
    'content-type': message.type,
    'speediso-kind': message.kind,
    'speediso-id': message.id,
    'speediso-host': message.host,
    ...(message.bootId === null ? {} : { 'speediso-boot': message.bootId }),
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    ...(key === null
      ? {}
      : {
          'speediso-timestamp': `${timestamp}`,
          'speediso-signature': sign(key, timestamp, message.body),
        }),
  }
}
