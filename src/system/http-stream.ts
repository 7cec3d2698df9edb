import { maskCredentials } from '../mask.ts'
import { createAsk, HttpError, noAnswer } from './http-ask.ts'
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

/**
 * GET over Node's fetch by the rules of createHttp, of bodies of any size. Bodies come as they lie on the server: no
 * coding is asked for, as a range of a coded body would be another one (RFC 9110, 14.2).
 */
export function createHttpStream(root: MachineRoot): HttpStream {
  const ask = createAsk(root)
  return async (address, { headers, signal, idle = DEFAULT_IDLE } = {}) => {
    const shown = maskCredentials(address)
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
    try {
      const answer = await ask(address, shown, {
        headers: {
          // fetch itself adds it to a request for a range.
          ...(headers?.range === undefined ? { 'accept-encoding': 'identity' } : {}),
          ...headers,
        },
        signal: ending.signal,
      })
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
