import { maskCredentials } from '../mask.ts'
import { createAsk, HttpError, noAnswer } from './http-ask.ts'
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

const DEFAULT_LIMIT = 1024 * 1024
const DEFAULT_TIMEOUT = 15_000

/**
 * Requests over Node's fetch. https trusts what this machine's own CA bundle trusts, when there is one, in place of the
 * list inside Node. A GET follows redirects, but never from https to http; a POST follows none.
 */
export function createHttp(root: MachineRoot): Http {
  const ask = createAsk(root)
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
    const late = AbortSignal.timeout(timeout)
    try {
      const answer = await ask(address, shown, {
        method,
        ...(headers === undefined ? {} : { headers }),
        signal: signal === undefined ? late : AbortSignal.any([late, signal]),
        ...(body === undefined ? {} : { body }),
      })
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
