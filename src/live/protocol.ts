import * as z from 'zod'

/** Path of the live log on the server; `?since=N` skips what has been seen, `&token=` is the password. */
export const EVENTS_PATH = '/events'

/** Plain HTTP GET of the report, with the same token; 404 until the job has ended. */
export const REPORT_PATH = '/report'

/** First message on a connection; every message after it is one event. */
export const helloSchema = z.object({
  schema: z.literal('speediso.hello/1'),
  host: z.string(),
  speediso: z.object({ version: z.string(), commit: z.string() }),
  image: z.object({ id: z.string(), version: z.string() }).nullable(),
})

export type Hello = z.infer<typeof helloSchema>

/** Where this host's own live log is, for the programs of this host. */
export const liveFileSchema = z.object({ url: z.string(), token: z.string() })

/** WebSocket close codes of RFC 6455, 7.4.1. */
export const CLOSE = { goingAway: 1001, policy: 1008 } as const
