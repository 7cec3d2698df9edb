import { InputError, SpeedisoError } from '../errors.ts'

/** Nobody answers there, or cannot take a viewer now: it may be another time. */
export class UnreachableError extends SpeedisoError {
  override readonly code: string = 'unreachable'
}

/** Something answers there that is no live log of ours. */
export class NotALogError extends SpeedisoError {
  override readonly code: string = 'not-a-log'
}

const UP = 'is the machine up, and its log on this port?'

/** What a failed connection means, by the code of Node's error. */
const BY_CODE: Record<string, readonly [what: string, hint: string]> = {
  ENOTFOUND: ['no such host', 'check its name, or write its address'],
  EAI_AGAIN: ['the name server does not answer', 'write the address of the host in place of its name'],
  ECONNREFUSED: ['connection refused', UP],
  ETIMEDOUT: ['no answer in time', UP],
  EHOSTUNREACH: ['no route to that host', UP],
  ENETUNREACH: ['no route to that network', 'is this machine connected to it?'],
  ECONNRESET: ['it closed the connection at once', 'a log with TLS takes https://; else, is it a live log?'],
  EPIPE: ['it closed the connection at once', 'a log with TLS takes https://; else, is it a live log?'],
}

/** Why there is no connection, for people; `shown` is the address without its token. */
export function explainFailure(shown: string, cause: Error): SpeedisoError {
  if (cause instanceof SpeedisoError) return cause
  const { code = '' } = cause as NodeJS.ErrnoException
  const [what, hint] = BY_CODE[code] ?? []
  if (what !== undefined && hint !== undefined)
    return new UnreachableError(`${shown}: ${what}`, { hint, facts: { code }, cause })
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_'))
    return new NotALogError(`${shown}: does not speak TLS there`, {
      hint: 'a log without TLS takes http://',
      facts: { code },
      cause,
    })
  // What Node or ws says of an answer that is no HTTP, or no websocket.
  return notALog(shown, code === '' ? cause.message : code, cause)
}

/** Why the server refuses a viewer. */
export function explainStatus(shown: string, status: number): SpeedisoError {
  const facts = { status }
  if (status === 401)
    return new InputError(`${shown}: wrong token`, {
      hint: "the right one stands on the host's console and in its motd; write #token=TOKEN",
      facts,
    })
  if (status === 403)
    return new NotALogError(`${shown}: the server lets no one in from here (403)`, {
      hint: 'is there a proxy between?',
      facts,
    })
  if (status === 503)
    return new UnreachableError(`${shown}: as many viewers as there may be are watching already`, {
      hint: '--wait waits until one leaves',
      facts,
    })
  return notALog(shown, `it answers ${status}`)
}

export function notALog(shown: string, why: string, cause?: unknown): NotALogError {
  return new NotALogError(`${shown}: is no live log of speediso (${why})`, { facts: { why }, cause })
}

export function timedOut(shown: string, milliseconds: number): UnreachableError {
  return new UnreachableError(`${shown}: no answer within ${milliseconds / 1000} s`, { hint: UP })
}
