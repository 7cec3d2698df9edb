import { InputError } from '../../errors.ts'

export interface NatsAddress {
  host: string
  port: number
  tls: boolean
  auth: { user?: string; pass?: string; token?: string }
  /** For people and logs: without credentials. */
  shown: string
}

/** Registered for NATS with IANA. */
const NATS_PORT = 4222

const FORM =
  'write nats://HOST:4222, nats://USER:PASSWORD@HOST:4222 or nats://TOKEN@HOST:4222; tls:// for TLS'

/** Whether a person means a NATS server by it. */
export function isNatsUrl(text: string): boolean {
  return /^(nats|tls):\/\//i.test(text)
}

/** @throws InputError when it is no address of a NATS server; it does not quote the text, which may hold a password */
export function parseNatsUrl(text: string): NatsAddress {
  const url = isNatsUrl(text) ? URL.parse(text) : null
  if (
    url === null ||
    url.hostname === '' ||
    !['', '/'].includes(url.pathname) ||
    url.search + url.hash !== ''
  )
    throw new InputError('the address of the NATS server is none', { hint: FORM })
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = url.port === '' ? NATS_PORT : Number(url.port)
  const [user, pass] = [decode(url.username), decode(url.password)]
  return {
    host,
    port,
    tls: url.protocol === 'tls:',
    auth: user === '' ? {} : pass === '' ? { token: user } : { user, pass },
    shown: `${url.protocol}//${url.hostname}:${port}`,
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
