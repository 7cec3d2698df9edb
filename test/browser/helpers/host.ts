import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildPage } from '../../../packaging/binary/page.ts'
import { type LiveServer, startLiveServer } from '../../../src/live/server.ts'
import { type EventLog, openEventLog } from '../../../src/runtime/event-log.ts'
import { systemClock } from '../../../src/system/clock.ts'
import { temporaryDir } from '../../unit/helpers/temporary.ts'

const PROJECT = join(import.meta.dirname, '../../..')

const base = temporaryDir()
const page = await buildPage(PROJECT)

/** A host with an event log and its live server, as a boot has them. */
export interface Host extends AsyncDisposable {
  readonly origin: string
  /** Address for people. */
  readonly address: string
  readonly token: string
  readonly log: EventLog
  /** Ends the server; the events stay. */
  stop(): Promise<void>
  /** Serves again, on the port that it had. */
  start(): Promise<void>
  /** A new boot with an empty event file, and with another token if one is given. */
  bootAnew(token?: string): Promise<void>
  writeReport(document: unknown): void
}

export interface HostOptions {
  hostId?: string
  now?: () => number
  /** A boot that runs already: its events, and the path of its report. */
  running?: { events: EventLog; report: string }
  /** In place of that of the build. */
  csp?: string
}

export async function startHost(options: HostOptions = {}): Promise<Host> {
  const { hostId = 'test-host', now, running, csp = page.csp } = options
  const clock = now === undefined ? systemClock : { ...systemClock, now }
  let boot = 0
  let token = 'right-token'
  let report = ''
  let log: EventLog
  let server: LiveServer | undefined
  let port = 0

  const begin = (given?: HostOptions['running']) => {
    boot += 1
    const dir = mkdtempSync(join(base, 'boot-'))
    log = given?.events ?? openEventLog(join(dir, 'events.ndjson'), hostId, clock)
    report = given?.report ?? join(dir, 'report.json')
  }
  const start = async () => {
    const hello = {
      schema: 'speediso.hello/1',
      host: hostId,
      boot_id: `boot-${boot}`,
      speediso: { version: '0.1.0', commit: 'v0.1.0-12-g5f0c2e1' },
      image: { id: '7d3f', version: '2026.11.20' },
    } as const
    const served = { html: page.html, csp }
    const at = { address: '127.0.0.1', port, token }
    server = await startLiveServer({ ...at, hello, events: log, report, page: served })
    port = server.port
  }
  const stop = async () => {
    await server?.[Symbol.asyncDispose]()
    server = undefined
  }
  begin(running)
  await start()
  const origin = `http://127.0.0.1:${port}`
  return {
    origin,
    get address() {
      return `${origin}/#token=${token}`
    },
    get token() {
      return token
    },
    get log() {
      return log
    },
    start,
    stop,
    async bootAnew(other = token) {
      await stop()
      log.close()
      token = other
      begin()
      await start()
    },
    writeReport: (document) => writeFileSync(report, JSON.stringify(document)),
    async [Symbol.asyncDispose]() {
      await stop()
      log.close()
    },
  }
}
