import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { maskCredentials } from '../../mask.ts'
import type { Http } from '../../system/http.ts'
import type { HttpStream } from '../../system/http-stream.ts'
import { MANIFEST_LIMIT } from '../manifest/schema.ts'
import { checkAddress } from './address.ts'
import { DeliveryError, FinalDeliveryError, PastEndError } from './errors.ts'

/** Some bytes of a source, to be read once. */
export interface Reading extends AsyncDisposable {
  /** Where they start; 0 also when a server does not send parts. */
  from: number
  /** False: it was sent from its start to its end, whatever was asked for. */
  parts: boolean
  /** Of the whole source; undefined when it is not told. */
  total: number | undefined
  /** Tells whether a later reading is of the same content; undefined when it cannot be told. */
  validator: string | undefined
  body: AsyncIterable<Uint8Array>
}

/** Where an image comes from. */
export interface Source {
  /** For people; without credentials. */
  shown: string
  /** Its path, when it is a file. */
  file?: string
  /** A file beside it; undefined when there is none. */
  beside(suffix: string): Promise<Uint8Array | undefined>
  /** Bytes from `from` up to `to`, or to the end. @throws DeliveryError, HttpError, or an error of the file */
  read(from: number, to: number | undefined, validator: string | undefined): Promise<Reading>
}

export interface SourceDeps {
  http: Http
  stream: HttpStream
  signal: AbortSignal
}

/** A path, or an http or https URL. @throws InputError for an address that is none */
export function openSource(source: string, deps: SourceDeps): Source {
  checkAddress(source)
  return /^https?:\/\//i.test(source) ? urlSource(source, deps) : fileSource(resolve(source), deps)
}

function fileSource(file: string, { signal }: SourceDeps): Source {
  return {
    shown: file,
    file,
    async beside(suffix) {
      try {
        return await readFile(`${file}${suffix}`, { signal })
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw error
      }
    },
    async read(from, to) {
      const { size, mtimeMs, ino } = await stat(file)
      const body = createReadStream(file, {
        start: from,
        end: (to ?? Number.POSITIVE_INFINITY) - 1,
        highWaterMark: 2 ** 20,
        signal,
      })
      return {
        from,
        parts: true,
        total: size,
        validator: `${ino}-${size}-${mtimeMs}`,
        body,
        async [Symbol.asyncDispose]() {
          body.destroy()
        },
      }
    },
  }
}

/** Milliseconds for a manifest, which has megabytes. */
const MANIFEST_TIME = 5 * 60_000

function urlSource(address: string, { http, stream, signal }: SourceDeps): Source {
  const shown = maskCredentials(address)
  return {
    shown,
    async beside(suffix) {
      const url = new URL(address)
      url.pathname += suffix
      const answer = await http(url.href, { limit: MANIFEST_LIMIT, timeout: MANIFEST_TIME, signal })
      if (answer.status === 404 || answer.status === 410) return undefined
      if (answer.status !== 200) throw statusError(maskCredentials(url.href), answer.status)
      return answer.body
    },
    async read(from, to, validator) {
      const whole = from === 0 && to === undefined
      const headers = {
        ...(whole ? {} : { range: `bytes=${from}-${to === undefined ? '' : to - 1}` }),
        ...(whole || validator === undefined ? {} : { 'if-range': validator }),
      }
      const answer = await stream(address, { headers, signal })
      try {
        const place = readPlace(answer.status, answer.headers, shown)
        if (place.from !== from && place.from !== 0)
          throw new DeliveryError(`${shown}: sends bytes from ${place.from} on, and was asked for ${from}`)
        // One that ends earlier than it should is told by its total.
        const early = place.to !== undefined && place.to === place.total
        if (to !== undefined && place.to !== undefined && place.to !== to && !early)
          throw new DeliveryError(`${shown}: sends bytes up to ${place.to}, and was asked for ${to}`)
        return {
          from: place.from,
          total: place.total,
          parts: answer.status === 206,
          validator: strongValidator(answer.headers),
          body: answer.body,
          [Symbol.asyncDispose]: () => answer[Symbol.asyncDispose](),
        }
      } catch (error) {
        await answer[Symbol.asyncDispose]()
        throw error
      }
    },
  }
}

/** What of the whole an answer holds. RFC 9110, 14.4 and 15.3.7. */
function readPlace(
  status: number,
  headers: Headers,
  shown: string,
): { from: number; to: number | undefined; total: number | undefined } {
  if (status === 206) {
    const [, from, last, total] =
      /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(headers.get('content-range') ?? '') ?? []
    if (from === undefined || last === undefined)
      throw new DeliveryError(`${shown}: sends a part and does not tell which`)
    return { from: Number(from), to: Number(last) + 1, total: total === '*' ? undefined : Number(total) }
  }
  if (status !== 200) throw statusError(shown, status)
  const length = headers.get('content-length')
  // RFC 9112, 6.3: with neither, a body that was cut looks like a whole one.
  if (length === null && headers.get('transfer-encoding') !== 'chunked')
    throw new FinalDeliveryError(`${shown}: tells no length, and whether it came whole cannot be told`)
  return { from: 0, to: undefined, total: length === null ? undefined : Number(length) }
}

/** RFC 9110, 13.1.5: only a strong one goes into If-Range. */
export function strongValidator(headers: Headers): string | undefined {
  const etag = headers.get('etag')
  if (etag !== null) return etag.startsWith('"') ? etag : undefined
  const modified = headers.get('last-modified')
  const age = Date.parse(headers.get('date') ?? '') - Date.parse(modified ?? '')
  // 8.8.2.2: not within the second in which it was written, and both clocks need not be the same.
  return modified !== null && age >= 60_000 ? modified : undefined
}

/** RFC 9110, 15.5: mistakes of the request stay, but for those that tell to come again. */
function statusError(shown: string, status: number): DeliveryError {
  const message = `${shown}: HTTP status ${status}`
  if (status === 416) return new PastEndError(`${shown}: has become shorter on the server`)
  const passing = status >= 500 || [408, 425, 429].includes(status)
  return passing ? new DeliveryError(message) : new FinalDeliveryError(message)
}
