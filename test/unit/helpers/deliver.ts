import { mkdtempSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { resolveJob } from '../../../src/job/resolve.ts'
import type { Job } from '../../../src/job/schema.ts'
import type { Delivery, DeliveryOptions } from '../../../src/runtime/deliver/delivery.ts'
import { createDelivery } from '../../../src/runtime/deliver/delivery.ts'
import type { Pace } from '../../../src/runtime/deliver/pace.ts'
import { type EventLog, openEventLog } from '../../../src/runtime/event-log.ts'
import { runPaths } from '../../../src/runtime/paths.ts'
import { readEvents } from '../../../src/runtime/recover.ts'
import type { Report } from '../../../src/runtime/report.ts'
import { systemClock } from '../../../src/system/clock.ts'
import { createExec } from '../../../src/system/exec.ts'
import { createHttp } from '../../../src/system/http.ts'
import { createMachineRoot } from '../../../src/system/machine-root.ts'
import { temporaryDir } from './temporary.ts'

/** What a server has got, in the order of arrival. */
export interface Received {
  method: string
  path: string
  headers: IncomingHttpHeaders
  body: Buffer
}

/** A status to answer with, or what to do with the response instead. */
export type Behaviour = (got: Received, count: number) => number | ((response: ServerResponse) => void)

export interface Receiver extends AsyncDisposable {
  url: string
  got: Received[]
  /** What was answered with 2xx: kind, and for a notice what it says. */
  took: string[]
  behave: Behaviour
  /** Until what was received fits; fails by the time limit of the test otherwise. */
  until(fits: () => boolean): Promise<void>
}

/** A real server; `port` 0 is any free one. */
export async function startReceiver(behave: Behaviour = () => 200, port = 0): Promise<Receiver> {
  const changed = new Set<() => void>()
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer)
    } catch {
      return
    }
    const { method = '', url: path = '', headers } = request
    const received = { method, path, headers, body: Buffer.concat(chunks) }
    receiver.got.push(received)
    const act = receiver.behave(received, receiver.got.length)
    if (typeof act === 'number') {
      if (act < 300) receiver.took.push(nameOf(received))
      response.writeHead(act).end()
    } else act(response)
    for (const wake of changed) wake()
  }
  const server = createServer((request, response) => void handle(request, response))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/report`,
    got: [],
    took: [],
    behave,
    async until(fits) {
      while (!fits()) {
        await new Promise<void>((resolve) => {
          const wake = () => {
            changed.delete(wake)
            resolve()
          }
          changed.add(wake)
        })
      }
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return receiver
}

function nameOf({ headers, body }: Received): string {
  const kind = String(headers['speediso-kind'])
  if (kind !== 'notice') return kind
  const { what, task } = JSON.parse(String(body)) as { what: string; task?: string }
  return task === undefined ? what : `${what} ${task}`
}

/** Until it fits; the time limit of the test file ends what never does. */
export async function until(fits: () => boolean): Promise<void> {
  while (!fits()) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** Fast, but in the same proportions. */
export const FAST: Pace = {
  heartbeat: 60_000,
  notice: 1000,
  firstWait: 10,
  longestWait: 40,
  slowWait: 60,
  bundle: 400,
  last: 300,
  answer: { report: 300, notice: 300, heartbeat: 300, bundle: 2000, foreman: 300 },
}

export function jobOf(cmdline: string): Job {
  const { job, problems } = resolveJob(cmdline, new Map())
  if (problems[0] !== undefined) throw new Error(problems[0].message)
  return job
}

export const IDENTITY = {
  hostId: 'host-1',
  origin: 'test',
  uuid: '4c4c4544-0000-4a10-8052-b4c04f4d3432',
  serial: 'SER1',
  macs: [{ name: 'eth0', mac: '52:54:00:12:34:56', permanent: true }],
  hostname: 'node1',
}

export function reportOf(over: Partial<Report> = {}): Report {
  const time = '2026-01-02T03:04:05.000Z'
  return {
    schema: 'speediso.report/1',
    speediso: { version: '1', commit: 'c' },
    image: null,
    host: { ...IDENTITY },
    boot_id: 'boot-1',
    kernel: '6.12',
    command_line: 'quiet',
    job: jobOf(''),
    origins: {},
    problems: [],
    verdict: 'passed',
    tasks: [],
    started: time,
    ended: time,
    seconds: 1,
    ...over,
  }
}

const base = temporaryDir()

export interface Bench extends AsyncDisposable {
  delivery: Delivery
  events: EventLog
  dir: string
  /** Messages of the log so far. */
  said(): Promise<string[]>
  stop(): void
}

/** A delivery as a boot makes it, in a folder of its own. */
export async function startDelivery(
  cmdline: string,
  over: Partial<DeliveryOptions> & { dir?: string } = {},
): Promise<Bench> {
  const { dir = mkdtempSync(join(base, 'run-')), ...options } = over
  const paths = runPaths(dir)
  const clock = options.clock ?? systemClock
  const events = openEventLog(paths.events, IDENTITY.hostId, clock)
  const stopping = new AbortController()
  let closed = false
  const root = options.root ?? createMachineRoot(join(dir, 'root'))
  const delivery = await createDelivery({
    job: jobOf(cmdline),
    paths,
    identity: IDENTITY,
    bootId: 'boot-1',
    events,
    http: createHttp(root),
    exec: createExec(),
    clock,
    root,
    signal: stopping.signal,
    ...options,
    pace: { ...FAST, ...options.pace },
  })
  return {
    delivery,
    events,
    dir,
    async said() {
      const all = await readEvents(paths.events)
      return all.flatMap((event) => (event.kind === 'log' ? [event.message] : []))
    },
    stop: () => stopping.abort(new Error('told to stop')),
    async [Symbol.asyncDispose]() {
      if (closed) return
      closed = true
      await delivery[Symbol.asyncDispose]()
      events.close()
    },
  }
}
