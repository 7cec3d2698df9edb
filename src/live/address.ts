import { isIPv6 } from 'node:net'
import { InputError } from '../errors.ts'
import { DEFAULT_LISTEN } from '../job/parameters.ts'
import { EVENTS_PATH } from './protocol.ts'

const FORM = 'write http://HOST:7373/#token=TOKEN'
const SCHEMES: Record<string, string> = { 'http:': 'ws:', 'ws:': 'ws:', 'https:': 'wss:', 'wss:': 'wss:' }
const DEFAULT_PORT = DEFAULT_LISTEN === 'off' ? 7373 : DEFAULT_LISTEN.port

/**
 * The websocket address of a live log from what a person wrote: a host, with or without port, or a URL with the token as
 * `#token=` or `?token=` and perhaps `fingerprint=`. The result has token and `since` as parameters, and the fingerprint
 * of the certificate, when one is given, behind `#`.
 * @throws InputError when it is none
 */
export function liveUrl(text: string, since: number, fingerprint?: string): URL {
  const url = parse(text)
  const scheme = url === null ? undefined : SCHEMES[url.protocol]
  if (url === null || scheme === undefined || url.hostname === '')
    throw new InputError(`${text.replace(/[?#].*/s, '')}: is no address of a live log`, { hint: FORM })
  const said = (name: string) => parameters(url.hash.slice(1)).get(name) ?? parameters(url.search).get(name)
  const token = said('token')
  const pin = fingerprint ?? said('fingerprint')
  const path = url.pathname.replace(/\/$/, '')
  const log = new URL(`${scheme}//${url.host}${path.endsWith(EVENTS_PATH) ? path : path + EVENTS_PATH}`)
  if (token !== null) log.searchParams.set('token', token)
  log.searchParams.set('since', String(since))
  if (pin !== null) log.hash = `fingerprint=${parseFingerprint(pin)}`
  return log
}

/** The pinned fingerprint of a `liveUrl`. */
export function pinOf(url: URL): string | undefined {
  return parameters(url.hash.slice(1)).get('fingerprint') ?? undefined
}

/** For people and logs: without the token. */
export function shownUrl({ protocol, host }: URL): string {
  return `${protocol === 'wss:' ? 'https' : 'http'}://${host}`
}

/** A SHA-256 fingerprint as Node and openssl write it: `AA:BB:…`. @throws InputError when it is none */
function parseFingerprint(text: string): string {
  const digits = text.replaceAll(/[:\s]/g, '').toUpperCase()
  if (!/^[0-9A-F]{64}$/.test(digits))
    throw new InputError(`fingerprint ${text}: is no SHA-256 fingerprint`, {
      hint: "write the 64 hex digits that stand on the host's console",
    })
  return digits.replaceAll(/(..)(?!$)/g, '$1:')
}

function parse(text: string): URL | null {
  if (/^\w+:\/\//.test(text)) return URL.parse(text)
  const [, host = '', rest = ''] = /^([^/?#]*)(.*)$/s.exec(text) ?? []
  if (isIPv6(host)) return URL.parse(`ws://[${host}]:${DEFAULT_PORT}${rest}`)
  return URL.parse(`ws://${host}${/:\d+$/.test(host) || host === '' ? '' : `:${DEFAULT_PORT}`}${rest}`)
}

/** A plus is itself here: people copy tokens as they are. */
function parameters(text: string): URLSearchParams {
  return new URLSearchParams(text.replaceAll('+', '%2B'))
}
