import { type IncomingHttpHeaders, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { SpeedisoError } from '../../errors.ts'
import type { AskDeps, Told } from './told.ts'

/** RFC 9110, 5.6.7: the one form that senders must write. */
const IMF_FIXDATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/

/**
 * The `Date` of a web server's answer to `HEAD /`, whatever its status: by RFC 9110, 6.6.1 every server that has a clock
 * sends it. Only the origin of the URL is used: neither path nor credentials are sent, and no file is asked for.
 *
 * Of an https server the certificate is NOT verified, because with a wrong clock it cannot be; nothing but this date is
 * taken from it. Who can forge it can as well forge NTP or plain HTTP: they could move the clock between the making of
 * the image and 15 years later, so that an expired certificate passes, but no foreign one: whatever is fetched
 * afterwards is verified in full.
 * @throws SpeedisoError when there is no answer or no date
 */
export async function askHttpDate(url: string, { clock, signal }: AskDeps): Promise<Told> {
  const { origin } = new URL(url)
  const asked = clock.monotonic()
  const headers = await head(origin, signal)
  const at = clock.monotonic()
  const date = headers.date ?? ''
  if (!IMF_FIXDATE.test(date)) throw new SpeedisoError('its answer has no date')
  // RFC 9111, 5.1: a cache tells for how long it has had the answer, in seconds.
  const age = /^\d{1,8}$/.test(headers.age ?? '') ? Number(headers.age) : 0
  // Whole seconds were cut off: half of one is the best guess.
  return { from: `web server ${origin}`, time: Date.parse(date) + age * 1000 + 500 + (at - asked) / 2, at }
}

function head(origin: string, signal: AbortSignal): Promise<IncomingHttpHeaders> {
  const request = origin.startsWith('https:') ? requestHttps : requestHttp
  const options = {
    method: 'HEAD',
    headers: { 'cache-control': 'no-cache' },
    agent: false,
    rejectUnauthorized: false,
    signal,
  } as const
  return new Promise((resolve, reject) => {
    request(`${origin}/`, options, (answer) => {
      answer.resume()
      resolve(answer.headers)
    })
      .on('error', (cause: NodeJS.ErrnoException) => {
        const words = cause.code === 'ECONNREFUSED' ? 'connection refused' : cause.message
        reject(signal.aborted ? signal.reason : new SpeedisoError(words, { cause }))
      })
      .end()
  })
}
