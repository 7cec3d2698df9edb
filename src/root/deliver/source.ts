import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { InputError } from '../../errors.ts'
import { maskCredentials } from '../../mask.ts'
import type { Http } from '../../system/http.ts'
import type { HttpStream } from '../../system/http-stream.ts'
import { PACK_SUFFIX } from '../manifest/pack.ts'
import { MANIFEST_LIMIT, SIGNATURE_LIMIT } from '../manifest/schema.ts'
import { oddKind } from '../observe/files.ts'
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
  /** The server says that it is a web page. */
  page: boolean
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
  /** The pack beside it, when it is not a file itself: to read that one is cheaper than to unpack. */
  packed?(): Source
}

export interface SourceDeps {
  http: Http
  stream: HttpStream
  signal: AbortSignal
  /** For people. */
  say?: (text: string) => void
  /** Milliseconds after each of which it is said that a manifest is still waited for; default 30 s. */
  beat?: number
}

const DEFAULT_BEAT = 30_000

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
      const path = `${file}${suffix}`
      const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined
        throw error
      })
      if (found === undefined && (await oddKind(path)) !== undefined)
        throw new InputError(`${path}: is a link that leads nowhere`, { hint: 'remove it, or mend it' })
      if (found === undefined) return undefined
      // To open a pipe would wait for its other end.
      if (!found.isFile()) throw new InputError(`${path}: is no file`)
      const limit = limitOf(suffix)
      if (found.size > limit) throw new InputError(`${path}: has ${found.size} bytes, and may have ${limit}`)
      return await readFile(path, { signal })
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
        page: false,
        body,
        async [Symbol.asyncDispose]() {
          body.destroy()
        },
      }
    },
  }
}

const limitOf = (suffix: string) => (suffix.endsWith('.sig') ? SIGNATURE_LIMIT : MANIFEST_LIMIT)

/** Milliseconds for a manifest, which has megabytes. */
const MANIFEST_TIME = 5 * 60_000

function urlSource(address: string, deps: SourceDeps): Source {
  const { http, stream, signal, say, beat = DEFAULT_BEAT } = deps
  const shown = maskCredentials(address)
  return {
    shown,
    packed() {
      const url = new URL(address)
      url.pathname += PACK_SUFFIX
      return urlSource(url.href, deps)
    },
    async beside(suffix) {
      const url = new URL(address)
      url.pathname += suffix
      const wanted = maskCredentials(url.href)
      using _ = everyBeat(beat, (seconds) =>
        say?.(`${wanted}: not whole after ${seconds} s; it is waited for up to ${MANIFEST_TIME / 1000} s`),
      )
      const answer = await http(url.href, { limit: limitOf(suffix), timeout: MANIFEST_TIME, signal })
      if (answer.status === 404 || answer.status === 410) return undefined
      if (answer.status !== 200) throw statusError(wanted, answer.status)
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
          page: /^(?:text\/html|application\/xhtml\+xml)\b/i.test(answer.headers.get('content-type') ?? ''),
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

/** Calls with the seconds since, each time that so many milliseconds have passed, until it is disposed of. */
function everyBeat(milliseconds: number, call: (seconds: number) => void): Disposable {
  let beats = 0
  const timer = setInterval(() => {
    beats += 1
    call((beats * milliseconds) / 1000)
  }, milliseconds)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

/** What of an image a server has, without fetching it. */
export interface Look {
  /** Undefined when it is not told. */
  size: number | undefined
}

/**
 * Asks for one byte of an image, and closes the connection of a server that sends more.
 * @throws DeliveryError or HttpError when there is no image
 */
export async function lookAt(source: Source): Promise<Look> {
  await using reading = await source.read(0, 1, undefined).catch((error: unknown) => {
    if (error instanceof PastEndError) throw new FinalDeliveryError(`${source.shown}: is empty`)
    throw error
  })
  if (reading.page) throw pageError(source.shown)
  if (reading.total === 0) throw new FinalDeliveryError(`${source.shown}: is empty`)
  return { size: reading.total }
}

export const pageError = (shown: string) =>
  new FinalDeliveryError(`${shown}: the server sent a web page in place of the image`, {
    hint: 'is the address right, and does it need a user and a password?',
  })

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
  const gone = status === 404 || status === 410
  const message = `${shown}: HTTP status ${status}${gone ? ': there is nothing at this address' : ''}`
  if (status === 416) return new PastEndError(`${shown}: has become shorter on the server`)
  const passing = status >= 500 || [408, 425, 429].includes(status)
  return passing ? new DeliveryError(message) : new FinalDeliveryError(message)
}
