import { SpeedisoError } from '../../errors.ts'

/**
 * Why a NATS server is of no use now; `facts.code` tells which: refused, unknown-host, unreachable, timeout, lost,
 * authorization, permissions, no-jetstream, no-stream, no-room, refused-message, other.
 */
export class NatsError extends SpeedisoError {
  override readonly code: string = 'nats'
}

interface Words {
  code: string
  words: string
  hint?: string
}

const NOT_REACHED: Readonly<Record<string, Words>> = {
  ECONNREFUSED: { code: 'refused', words: 'connection refused' },
  ECONNRESET: { code: 'lost', words: 'the connection was cut' },
  EPIPE: { code: 'lost', words: 'the connection was cut' },
  ENOTFOUND: { code: 'unknown-host', words: 'no such host' },
  EAI_AGAIN: { code: 'unknown-host', words: 'the name cannot be resolved now' },
  EHOSTUNREACH: { code: 'unreachable', words: 'no way to that host' },
  ENETUNREACH: { code: 'unreachable', words: 'no network' },
  ETIMEDOUT: { code: 'timeout', words: 'no connection in time' },
}

/** Errors of the NATS packages by name, because the packages are loaded only when a server is asked for. */
const NAMED: Readonly<Record<string, Words>> = {
  AuthorizationError: {
    code: 'authorization',
    words: 'the server refuses these credentials',
    hint: 'write nats://USER:PASSWORD@HOST or nats://TOKEN@HOST',
  },
  UserAuthenticationExpiredError: { code: 'authorization', words: 'these credentials have expired' },
  PermissionViolationError: { code: 'permissions', words: 'these credentials may not do this' },
  JetStreamNotEnabled: {
    code: 'no-jetstream',
    words: 'the server has no JetStream',
    hint: 'start nats-server with -js',
  },
  StreamNotFoundError: {
    code: 'no-stream',
    words: 'it has no stream SPEEDISO',
    hint: 'the first host that publishes there makes it',
  },
  TimeoutError: { code: 'timeout', words: 'no answer in time' },
}

/** What went wrong with a server, in words for people. `shown` is its address without credentials. */
export function natsError(shown: string, cause: unknown): NatsError {
  if (cause instanceof NatsError) return cause
  for (const error of chain(cause)) {
    const known = NAMED[error.name] ?? NOT_REACHED[String((error as NodeJS.ErrnoException).code)]
    if (known === undefined) continue
    const { code, words, hint } = known
    // Which subject was refused stands in the server's own words.
    const detail = code === 'permissions' ? `: ${error.message}` : ''
    const facts = { code }
    return new NatsError(`${shown}: ${words}${detail}`, {
      facts,
      cause,
      ...(hint === undefined ? {} : { hint }),
    })
  }
  const last = chain(cause).at(-1)
  if (last === undefined)
    return new NatsError(`${shown}: the connection was closed`, { facts: { code: 'lost' } })
  return new NatsError(`${shown}: ${last.message}`, { facts: { code: 'other' }, cause })
}

function chain(cause: unknown): Error[] {
  const errors: Error[] = []
  for (let e: unknown = cause; e instanceof Error && errors.length < 6; e = e.cause) {
    errors.push(e)
    if (e instanceof AggregateError && e.errors[0] instanceof Error) errors.push(e.errors[0])
  }
  return errors
}
