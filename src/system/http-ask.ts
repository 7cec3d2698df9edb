import { setDefaultCACertificates } from 'node:tls'
import { SpeedisoError } from '../errors.ts'
import { decoded } from '../mask.ts'
import type { MachineRoot } from './machine-root.ts'

/** No answer: `facts.code` tells why (ECONNREFUSED, ENOTFOUND, timeout, too-large …). */
export class HttpError extends SpeedisoError {
  override readonly code: string = 'http'
}

/** RFC 9110, 15.4: those that send a GET elsewhere. */
const REDIRECTS = new Set([301, 302, 303, 307, 308])
const MOST_HOPS = 5

/** The certificate authorities of Debian and of most others. */
const CA_BUNDLE = '/etc/ssl/certs/ca-certificates.crt'

/**
 * Asks for a URL and follows where it leads; judging the answer is the caller's.
 * @param shown the URL without its credentials
 * @throws HttpError for no URL, and for one that leads from https to http; what fetch throws
 */
export type Ask = (address: string, shown: string, init: RequestInit) => Promise<Response>

/**
 * Requests over Node's fetch. https trusts what this machine's own CA bundle trusts, when there is one, in place of the
 * list inside Node. A request follows redirects, but a POST none, and none from https to http.
 */
export function createAsk(root: MachineRoot): Ask {
  let trusted: Promise<void> | undefined
  return async (address, shown, { headers, ...init }) => {
    const { url, authorization } = splitCredentials(address, shown)
    const once = async (to: URL) => {
      if (to.protocol === 'https:') {
        trusted ??= trustOwnAuthorities(root)
        await trusted.catch((error: unknown) => {
          trusted = undefined
          throw error
        })
      }
      return fetch(to, {
        ...init,
        // Credentials are for the server that they were given for.
        headers: { ...(to.origin === url.origin ? authorization : {}), ...headers },
        redirect: 'manual',
      })
    }
    let at = url
    let answer = await once(at)
    for (let hop = 0; init.method !== 'POST' && REDIRECTS.has(answer.status) && hop < MOST_HOPS; hop += 1) {
      const to = URL.parse(answer.headers.get('location') ?? '', at)
      if (to === null) break
      await answer.body?.cancel()
      // Not even asked: the request itself may tell something.
      if (at.protocol === 'https:' && to.protocol !== 'https:')
        throw new HttpError(`${shown}: leads from https to http`, { facts: { code: 'downgrade' } })
      at = to
      answer = await once(at)
    }
    return answer
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
export function noAnswer(shown: string, cause: unknown): HttpError {
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
