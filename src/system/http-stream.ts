import { decoded, maskCredentials } from '../mask.ts'
import { HttpError, trustOwnAuthorities } from './http.ts'
import type { MachineRoot } from './machine-root.ts'

export interface StreamRequest {
  headers?: Record<string, string>
  signal?: AbortSignal
  /** Milliseconds that nothing may come, before the answer and within it; default 30 s. */
  idle?: number
}

/** An answer whose body comes piece by piece; it is to be read to its end or disposed of. */
export interface StreamAnswer extends AsyncDisposable {
  status: number
  headers: Headers
  /** @throws HttpError when it is cut, or nothing comes any more */
  body: AsyncIterable<Uint8Array>
}

/** One GET. @throws HttpError when there is no answer */
export type HttpStream = (url: string, request?: StreamRequest) => Promise<StreamAnswer>

const DEFAULT_IDLE = 30_000
/** RFC 9110, 15.4: those that send a GET elsewhere. */
const REDIRECTS = new Set([301, 302, 303, 307, 308])
const MOST_HOPS = 5

/**
 * GET over Node's fetch by the rules of createHttp, of bodies of any size. Bodies come as they lie on the server: no
 * coding is asked for, as a range of a coded body would be another one (RFC 9110, 14.2).
 */
export function createHttpStream(root: MachineRoot): HttpStream {
  let trusted: Promise<void> | undefined
  return async (address, { headers, signal, idle = DEFAULT_IDLE } = {}) => {
    const shown = maskCredentials(address)
    const { url, authorization } = splitCredentials(address, shown)
    const ending = new AbortController()
    const watch = watchIdle(idle, () => ending.abort())
    const cancel = () => ending.abort()
    if (signal?.aborted) cancel()
    else signal?.addEventListener('abort', cancel, { once: true })
    const stop = () => {
      watch.stop()
      signal?.removeEventListener('abort', cancel)
    }
    const failed = (cause: unknown) => {
      stop()
      if (cause instanceof HttpError) return cause
      if (signal?.aborted) return signal.reason
      if (watch.late())
        return new HttpError(`${shown}: nothing came for ${idle / 1000} s`, {
          facts: { code: 'timeout' },
          cause,
        })
      return noAnswer(shown, cause)
    }
    const ask = async (to: URL) => {
      if (to.protocol === 'https:') {
        trusted ??= trustOwnAuthorities(root)
        await trusted.catch((error: unknown) => {
          trusted = undefined
          throw error
        })
      }
      return fetch(to, {
        headers: {
          ...(to.origin === url.origin ? authorization : {}),
          // fetch itself adds it to a request for a range.
          ...(headers?.range === undefined ? { 'accept-encoding': 'identity' } : {}),
          ...headers,
        },
        redirect: 'manual',
        signal: ending.signal,
      })
    }
    try {
      let at = url
      let answer = await ask(at)
      for (let hop = 0; REDIRECTS.has(answer.status) && hop < MOST_HOPS; hop += 1) {
        const to = URL.parse(answer.headers.get('location') ?? '', at)
        if (to === null) break
        await answer.body?.cancel()
        if (at.protocol === 'https:' && to.protocol !== 'https:')
          throw new HttpError(`${shown}: leads from https to http`, { facts: { code: 'downgrade' } })
        at = to
        answer = await ask(at)
      }
      const coding = answer.headers.get('content-encoding') ?? 'identity'
      if (coding !== 'identity') {
        ending.abort()
        throw new HttpError(`${shown}: comes coded as ${coding}, which nobody asked for`, {
          facts: { code: 'coded' },
        })
      }
      let read = false
      return {
        status: answer.status,
        headers: answer.headers,
        body: pieces(answer, watch, failed, () => {
          stop()
          read = true
        }),
        async [Symbol.asyncDispose]() {
          stop()
          // Closes the connection of a body that was not read to its end; one that was stays for the next request.
          if (!read) ending.abort()
        },
      }
    } catch (cause) {
      throw failed(cause)
    }
  }
}

async function* pieces(
  answer: Response,
  watch: { pause(): void; resume(): void },
  failed: (cause: unknown) => unknown,
  ended: () => void,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of answer.body ?? []) {
      watch.pause()
      yield piece
      watch.resume()
    }
  } catch (cause) {
    throw failed(cause)
  }
  ended()
}

/** Calls once when so long has passed, the time aside for which it was paused: that is the reader's own. */
function watchIdle(milliseconds: number, end: () => void) {
  let late = false
  let timer: NodeJS.Timeout | undefined
  const pause = () => clearTimeout(timer)
  const resume = () => {
    timer = setTimeout(() => {
      late = true
      end()
    }, milliseconds)
  }
  resume()
  return { pause, resume, stop: pause, late: () => late }
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

/** fetch says "fetch failed" or "terminated"; what happened is the innermost cause. */
function noAnswer(shown: string, cause: unknown): HttpError {
  let inner: unknown = cause
  for (let depth = 0; depth < 5 && inner instanceof Error; depth += 1) {
    const next: unknown = inner.cause ?? (inner instanceof AggregateError ? inner.errors[0] : undefined)
    if (next === undefined) break
    inner = next
  }
  const code = (inner as NodeJS.ErrnoException | undefined)?.code ?? 'unknown'
  return new HttpError(`${shown}: ${inner instanceof Error ? inner.message : String(inner)}`, {
    facts: { code },
    cause,
  })
}
