import * as z from 'zod'

/** Path of the live log on the server; `?since=N` skips what has been seen, `&token=` is the password. */
export const EVENTS_PATH = '/events'

/** Plain HTTP GET of the report, with the same token; 404 until the job has ended. */
export const REPORT_PATH = '/report'

/** The page for people; it shows the log of the server that it comes from. The token may follow as `#token=`. */
export const PAGE_PATH = '/'

/** Who speaks, as the boot knows it. */
export const helloSchema = z.object({
  schema: z.literal('speediso.hello/1'),
  host: z.string().describe('host id'),
  boot_id: z
    .string()
    .nullable()
    .describe('another one than before: the host was booted anew, events start at 1'),
  speediso: z.object({ version: z.string(), commit: z.string() }),
  image: z.object({ id: z.string(), version: z.string() }).nullable(),
})

/** First message on a connection; every message after it is one or more events, a line of JSON each. */
export const greetingSchema = helloSchema.extend({
  last: z
    .int()
    .nonnegative()
    .describe(
      'number of the last event so far; below `since`: the event file was cut back, and goes on from here',
    ),
})

export type Hello = z.infer<typeof helloSchema>
export type Greeting = z.infer<typeof greetingSchema>

/** Where this host's own live log is, for the programs of this host. */
export const liveFileSchema = z.object({
  url: z.string(),
  token: z.string(),
  random: z.boolean().default(false).describe('nobody has given the token'),
  fingerprint: z.string().optional().describe('SHA-256 of the certificate, with TLS'),
})

/** WebSocket close codes: RFC 6455, 7.4.1, and 1013 of IANA's registry. */
export const CLOSE = { goingAway: 1001, policy: 1008, broken: 1011, tryAgain: 1013 } as const
