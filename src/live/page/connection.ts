import type { Greeting } from '../protocol.ts'
import { EVENTS, REPORT } from './model/addresses.ts'
import { backoff } from './model/backoff.ts'

/** What a page knows of its way to the server. */
export type Link =
  | { readonly name: 'connecting' | 'live' | 'wrong-token' }
  /** `next`: when it is tried again, as `performance.now()` counts; undefined: just now. */
  | { readonly name: 'reconnecting' | 'lost'; readonly why: string; readonly next: number | undefined }

export interface ConnectionOptions {
  /** Of the server: `http://host:7373`. */
  origin: string
  token: string
  /** Number of the last event that was taken. */
  since(): number
  /** False: `since` has become another one by this hello, connect anew. */
  onHello(hello: Greeting): boolean
  /** A message: events, a line each. */
  onEvents(text: string): void
  onLink(link: Link): void
}

export interface ConnectionDeps {
  WebSocket: typeof WebSocket
  fetch: typeof fetch
  /** 0 to 1. */
  random(): number
}

/** Milliseconds. */
export interface Limits {
  /** Without a hello in this time a try has failed. */
  hello: number
  /** After so long without a message the server is asked for a sign of life: a host without power says no goodbye. */
  quiet: number
  /** It has this long to give one. */
  probe: number
  /** Without contact for so long it counts as lost; it is tried on. */
  lost: number
}

export const LIMITS: Limits = { hello: 10_000, quiet: 10_000, probe: 8000, lost: 30_000 }

export interface Connection {
  /** Tries at once if it waits to; asks for a sign of life if it is live. */
  hurry(): void
  close(): void
}

const NO_ANSWER = 'the host does not answer'

/** Follows the live log over every interruption, until it is closed or the token turns out wrong. */
export function connect(options: ConnectionOptions, deps: ConnectionDeps, limits = LIMITS): Connection {
  const { origin, token, onLink } = options
  let socket: WebSocket | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let failures = 0
  let live = false
  let closed = false
  /** When there was contact last. */
  let contact = performance.now()
  /** Why it waits to try again. */
  let waiting: string | undefined

  const arm = (milliseconds: number, act: () => unknown) => {
    clearTimeout(timer)
    timer = setTimeout(act, milliseconds)
  }

  const drop = () => {
    clearTimeout(timer)
    live = false
    const old = socket
    socket = undefined
    if (old === undefined) return
    old.onmessage = old.onclose = null
    old.close()
  }

  const open = () => {
    waiting = undefined
    const url = new URL(EVENTS, origin)
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
    url.searchParams.set('since', String(options.since()))
    url.searchParams.set('token', token)
    socket = new deps.WebSocket(url)
    socket.onclose = ({ reason }) => {
      if (live) fail(`the server ended the connection${reason === '' ? '' : `: ${reason}`}`)
      else void refused()
    }
    socket.onmessage = ({ data }) => {
      contact = performance.now()
      if (live) options.onEvents(String(data))
      else greet(String(data))
    }
    arm(limits.hello, () => fail(NO_ANSWER))
  }

  const greet = (text: string) => {
    const hello = parseHello(text)
    if (hello === undefined) return fail('what answers there is no live log')
    if (!options.onHello(hello)) {
      drop()
      return open()
    }
    live = true
    failures = 0
    onLink({ name: 'live' })
    arm(limits.quiet, watch)
  }

  const watch = () => {
    const quiet = performance.now() - contact
    if (quiet < limits.quiet) arm(limits.quiet - quiet, watch)
    else void probe()
  }

  const probe = async () => {
    const own = socket
    const status = await statusOf('HEAD', '/')
    if (socket !== own || !live) return
    if (status === undefined) return fail(NO_ANSWER)
    contact = performance.now()
    arm(limits.quiet, watch)
  }

  /** A browser does not tell why a websocket was refused: the report's address knows the token too. */
  const refused = async () => {
    drop()
    const status = await statusOf('GET', REPORT, { authorization: `Bearer ${token}` })
    if (closed || socket !== undefined) return
    if (status === 401) {
      closed = true
      onLink({ name: 'wrong-token' })
    } else if (status === undefined) fail(NO_ANSWER)
    else if (status === 200 || status === 404) fail('the server takes no viewer; are too many watching?')
    else fail(`the server refuses with HTTP ${status}`)
  }

  /** The HTTP status of an answer, without its body; undefined: there is none. */
  const statusOf = async (method: string, path: string, headers: Record<string, string> = {}) => {
    const end = new AbortController()
    const late = setTimeout(() => end.abort(), limits.probe)
    try {
      const url = new URL(path, origin)
      const { status } = await deps.fetch(url, { method, headers, cache: 'no-store', signal: end.signal })
      return status
    } catch {
      return undefined
    } finally {
      clearTimeout(late)
      end.abort()
    }
  }

  const fail = (why: string) => {
    drop()
    failures += 1
    waiting = why
    const wait = backoff(failures, deps.random)
    tell(why, performance.now() + wait)
    arm(wait, () => retry(why))
  }

  const retry = (why: string) => {
    tell(why, undefined)
    open()
  }

  const tell = (why: string, next: number | undefined) => {
    const name = performance.now() - contact > limits.lost ? 'lost' : 'reconnecting'
    onLink({ name, why, next })
  }

  onLink({ name: 'connecting' })
  open()
  return {
    hurry() {
      if (waiting !== undefined) retry(waiting)
      else if (live) void probe()
    },
    close() {
      closed = true
      waiting = undefined
      drop()
    },
  }
}

function parseHello(text: string): Greeting | undefined {
  try {
    const message = JSON.parse(text) as Greeting
    return message?.schema === 'speediso.hello/1' ? message : undefined
  } catch {
    return undefined
  }
}
