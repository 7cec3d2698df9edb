import type { Greeting } from '../protocol.ts'
import { type Connection, type ConnectionDeps, connect, LIMITS, type Link } from './connection.ts'
import { LogStore } from './model/log-store.ts'
import { NOTHING, reduce, type View } from './model/view.ts'
import { createPump } from './pump.ts'
import { fetchReport, type ReportState } from './report-source.ts'

/** Events of each level that stay to be looked at. */
const KEPT = 5000

/** Everything that the page shows. */
export interface Shown {
  readonly link: Link
  readonly hello: Greeting | undefined
  readonly view: View
  readonly log: LogStore
  /** Another one: the log was begun anew. */
  readonly epoch: number
  /** What happened to the log as a whole, for people. */
  readonly notice: string | undefined
  /** The host has told more events than were taken. */
  readonly behind: boolean
  /** When the last event was taken, as `performance.now()` counts. */
  readonly heard: number
  readonly report: ReportState
}

export interface Session {
  readonly shown: Shown
  /** Begins, or goes on with another token. */
  start(token: string): void
  hurry(): void
  forgetNotice(): void
  askForReport(): void
  close(): void
}

export interface SessionDeps extends ConnectionDeps {
  /** Calls back soon, after what else the page has to do. */
  later(act: () => void): void
}

/** What a page knows of one server, and how it stays up to date. `changed` is called after every change. */
export function createSession(
  origin: string,
  deps: SessionDeps,
  changed: () => void,
  limits = LIMITS,
): Session {
  const log = new LogStore(KEPT)
  let shown: Shown = {
    link: { name: 'connecting' },
    hello: undefined,
    view: NOTHING,
    log,
    epoch: 0,
    notice: undefined,
    behind: false,
    heard: 0,
    report: { name: 'none' },
  }
  let connection: Connection | undefined
  let token = ''
  let view = NOTHING
  let asking = new AbortController()

  const set = (change: Partial<Shown>) => {
    shown = { ...shown, ...change }
    changed()
  }

  const pump = createPump(
    (event) => {
      const next = reduce(view, event)
      if (next !== view) log.add(event)
      view = next
    },
    () => {
      const { ended } = view.job
      const news = ended !== undefined && ended !== shown.view.job.ended
      set({ view, behind: isBehind(shown.hello), heard: performance.now() })
      if (news) askForReport()
    },
    deps.later,
  )

  const askForReport = () => {
    asking.abort()
    asking = new AbortController()
    set({ report: { name: 'loading' } })
    void fetchReport(origin, token, deps, asking.signal).then((report) => {
      if (report !== null) set({ report })
    })
  }

  const isBehind = (hello: Greeting | undefined) => pump.behind || view.last < (hello?.last ?? 0)

  const onHello = (hello: Greeting): boolean => {
    const notice = whyAnew(hello)
    if (notice === undefined) {
      set({ hello, behind: isBehind(hello) })
      return true
    }
    pump.clear()
    log.clear()
    asking.abort()
    view = NOTHING
    set({ hello, view, notice, epoch: shown.epoch + 1, behind: isBehind(hello), report: { name: 'none' } })
    return false
  }

  /** Why what was seen is not the beginning of this log; undefined when it is. */
  const whyAnew = (hello: Greeting): string | undefined => {
    const before = shown.hello
    if (before === undefined) return undefined
    if (before.host !== hello.host)
      return `Another host answers at this address now: ${hello.host} instead of ${before.host}.`
    if (before.boot_id !== hello.boot_id) return 'The host was booted anew; this is the log of the new boot.'
    if (hello.last < view.last)
      return `The event file was cut back after event ${hello.last}; this is what it holds now.`
    return undefined
  }

  return {
    get shown() {
      return shown
    },
    start(given) {
      connection?.close()
      token = given
      connection = connect(
        {
          origin,
          token,
          since: () => view.last,
          onHello,
          onEvents: pump.push,
          onLink: (link) => set({ link }),
        },
        deps,
        limits,
      )
    },
    hurry: () => connection?.hurry(),
    forgetNotice: () => set({ notice: undefined }),
    askForReport,
    close() {
      connection?.close()
      asking.abort()
      pump.clear()
    },
  }
}
