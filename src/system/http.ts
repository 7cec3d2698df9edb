import { setDefaultCACertificates } from 'node:tls'
import { SpeedisoError } from '../errors.ts'
import { decoded, maskCredentials } from '../mask.ts'
import type { MachineRoot } from './machine-root.ts'

export interface HttpRequest {
  method?: 'GET' | 'POST' | 'HEAD'
  headers?: Record<string, string>
  body?: string | Uint8Array<ArrayBuffer>
  /** Bytes of the answer's body; more is an error. Default 1 MiB. */
  limit?: number
  /** Milliseconds for the whole of it; default 15 s. */
  timeout?: number
  signal?: AbortSignal
}

export interface HttpAnswer {
  /** Whatever it is: judging it is the caller's. */
  status: number
  headers: Headers
  body: Buffer
}

/** One request. @throws HttpError when there is no whole answer */
export type Http = (url: string, request?: HttpRequest) => Promise<HttpAnswer>

/** No answer: `facts.code` tells why (ECONNREFUSED, ENOTFOUND, timeout, too-large …). */
export class HttpError extends SpeedisoError {
  override readonly code: string = 'http'
}

const DEFAULT_LIMIT = 1024 * 1024
const DEFAULT_TIMEOUT = 15_000
/** RFC 9110, 15.4: those that send a GET elsewhere. */
const REDIRECTS = new Set([301, 302, 303, 307, 308])
const MOST_HOPS = 5

/** The certificate authorities of Debian and of most others. */
const CA_BUNDLE = '/etc/ssl/certs/ca-certificates.crt'

/**
 * Requests over Node's fetch. https trusts what this machine's own CA bundle trusts, when there is one, in place of the
 * list inside Node. A GET follows redirects, but never from https to http; a POST follows none.
 */
export function createHttp(root: MachineRoot): Http {
  let trusted: Promise<void> | undefined
  return async (address, request = {}) => {
    const {
      method = 'GET',
      headers,
      body,
      limit = DEFAULT_LIMIT,
      timeout = DEFAULT_TIMEOUT,
      signal,
    } = request
    const shown = maskCredentials(address)
    const { url, authorization } = splitCredentials(address, shown)
    const late = AbortSignal.timeout(timeout)
    const ask = async (to: URL) => {
      if (to.protocol === 'https:') {
        trusted ??= trustOwnAuthorities(root)
        await trusted.catch((error: unknown) => {
          trusted = undefined
          throw error
        })
      }
      return fetch(to, {
        method,
        // Credentials are for the server that they were given for.
        headers: { ...(to.origin === url.origin ? authorization : {}), ...headers },
        redirect: 'manual',
        signal: signal === undefined ? late : AbortSignal.any([late, signal]),
        ...(body === undefined ? {} : { body }),
      })
    }
    try {
      let at = url
      let answer = await ask(at)
      for (let hop = 0; method !== 'POST' && REDIRECTS.has(answer.status) && hop < MOST_HOPS; hop += 1) {
        const to = URL.parse(answer.headers.get('location') ?? '', at)
        if (to === null) break
        await answer.body?.cancel()
        // Not even asked: the request itself may tell something.
        if (at.protocol === 'https:' && to.protocol !== 'https:')
          throw new HttpError(`${shown}: leads from https to http`, { facts: { code: 'downgrade' } })
        at = to
        answer = await ask(at)
      }
      return { status: answer.status, headers: answer.headers, body: await readBody(answer, limit, shown) }
    } catch (cause) {
      if (cause instanceof HttpError) throw cause
      signal?.throwIfAborted()
      if (late.aborted) {
        const message = `${shown}: no whole answer within ${timeout / 1000} s`
        throw new HttpError(message, { facts: { code: 'timeout' }, cause })
      }
      throw noAnswer(shown, cause)
    }
  }
}

/** fetch takes no user and password in a URL. */
function splitCredentials(
  address: string,
  shown: string,
): { url: URL; authorization: Record<string, string> } {
  const url = URL.parse(address)
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw new HttpError(`${shown}: no http or https URL`, { facts: { code: 'bad-url' } })
  const { username, password } = url
  if (username === '' && password === '') return { url, authorization: {} }
  url.username = ''
  url.password = ''
  const pair = `${decoded(username)}:${decoded(password)}`
  return { url, authorization: { authorization: `Basic ${Buffer.from(pair).toString('base64')}` } }
}

/** An answer that is larger than it may be is not read to its end. */
async function readBody(answer: Response, limit: number, shown: string): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = Number(answer.headers.get('content-length') ?? 0)
  const tooLarge = () => new HttpError(`${shown}: more than ${limit} bytes`, { facts: { code: 'too-large' } })
  if (size > limit) {
    await answer.body?.cancel()
    throw tooLarge()
  }
  size = 0
  for await (const chunk of answer.body ?? []) {
    size += chunk.length
    if (size > limit) throw tooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was cut',
  UND_ERR_SOCKET: 'the connection was cut',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the name cannot be resolved now',
  EHOSTUNREACH: 'no way to that host',
  ENETUNREACH: 'no network',
  ETIMEDOUT: 'no connection in time',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet; is the clock right?',
  CERT_HAS_EXPIRED: 'its certificate has expired; is the clock right?',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by itself',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is signed by an authority that is not trusted here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is signed by an authority that is not trusted here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is signed by an authority that is not trusted here',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
}

/** fetch says "fetch failed"; what happened is the innermost cause, or one of several when many addresses were tried. */
function noAnswer(shown: string, cause: unknown): HttpError {
  let inner: unknown = cause
  for (let depth = 0; depth < 5 && inner instanceof Error; depth += 1) {
    const next: unknown = inner.cause ?? (inner instanceof AggregateError ? inner.errors[0] : undefined)
    if (next === undefined) break
    inner = next
  }
  const code = (inner as NodeJS.ErrnoException | undefined)?.code ?? 'unknown'
  const words = WORDS[code] ?? (inner instanceof Error ? inner.message : String(inner))
  return new HttpError(`${shown}: ${words}`, { facts: { code }, cause })
}

/** Makes this process trust the authorities of this machine's own bundle, when there is one, for all of its TLS. */
export async function trustOwnAuthorities(root: MachineRoot): Promise<void> {
  const bundle = await root.readText(CA_BUNDLE)
  const certificates = bundle?.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)
  if (certificates !== null && certificates !== undefined) setDefaultCACertificates(certificates)
}
