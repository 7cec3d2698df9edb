import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'

export interface Payload {
  data: Uint8Array
  /** Value of the header `Content-Encoding`. */
  encoding?: 'gzip'
}

/** What is longer is left out of an event that is too large, in characters of JSON; the second when the first is not enough. */
const LONG_VALUES = [4096, 256]

/** More than any server takes (its `max_payload` is at most 64 MiB), against a message that was made to burst. */
const UNPACK_LIMIT = 256 * 1024 * 1024

/** The text as it is when it is within the limit, else compressed; undefined when that does not fit either. */
export async function packText(text: string, limit: number): Promise<Payload | undefined> {
  const data = Buffer.from(text)
  if (data.length <= limit) return { data }
  const packed = await promisify(gzip)(data)
  return packed.length <= limit ? { data: packed, encoding: 'gzip' } : undefined
}

export async function unpackText({
  data,
  encoding,
}: {
  data: Uint8Array
  encoding: string
}): Promise<string> {
  const bytes = encoding === 'gzip' ? await promisify(gunzip)(data, { maxOutputLength: UNPACK_LIMIT }) : data
  return new TextDecoder().decode(bytes)
}

/** An event within the limit: what makes it too large is left out, and that is said in it. */
export async function packEvent(line: string, limit: number): Promise<Payload> {
  const whole = await packText(line, limit)
  if (whole !== undefined) return whole
  for (const long of LONG_VALUES) {
    const payload = await packText(shortenEvent(line, long), limit)
    if (payload !== undefined) return payload
  }
  const { seq, time, host } = JSON.parse(line) as Record<string, unknown>
  const message = `an event of ${line.length} characters, too large to publish`
  return { data: Buffer.from(JSON.stringify({ seq, time, host, kind: 'log', level: 'warning', message })) }
}

function shortenEvent(line: string, long: number): string {
  const event = JSON.parse(line) as Record<string, unknown>
  for (const [name, value] of Object.entries(event)) {
    const size = JSON.stringify(value).length
    if (size <= long) continue
    if (typeof value === 'string') event[name] = `${value.slice(0, long)}… (${value.length} characters)`
    else event[name] = Array.isArray(value) ? [] : { left_out: `${size} characters, too large to publish` }
  }
  return JSON.stringify(event)
}
