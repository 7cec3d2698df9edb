import { randomBytes } from 'node:crypto'
import { networkInterfaces } from 'node:os'
import { explainInLine } from '../errors.ts'
import type { Job } from '../job/schema.ts'
import type { EventLog } from '../runtime/event-log.ts'
import type { RunPaths } from '../runtime/paths.ts'
import { writeDocument } from '../runtime/report.ts'
import type { Hello } from './protocol.ts'
import { type LiveServer, startLiveServer } from './server.ts'

export interface LiveLog extends AsyncDisposable {
  /** Address for people, when there is a server. */
  readonly shown: string | undefined
}

const NO_LOG: LiveLog = { shown: undefined, async [Symbol.asyncDispose]() {} }

/** Opens the live log as the job asks for it. A log that cannot be had is said, and stops no job. */
export async function openLiveLog(
  { listen, token }: Job['log'],
  hello: Hello,
  events: EventLog,
  paths: RunPaths,
): Promise<LiveLog> {
  if (listen === 'off') return NO_LOG
  const password = token ?? randomBytes(12).toString('base64url')
  let server: LiveServer
  try {
    server = await startLiveServer({ ...listen, token: password, hello, events, report: paths.report })
  } catch (error) {
    events.append({ kind: 'log', level: 'error', message: explainInLine(error) })
    return NO_LOG
  }
  const { port } = server
  const own = loopbackFor(server.address) ?? server.address
  const host = loopbackFor(server.address) === undefined ? own : (ownAddress() ?? own)
  await writeDocument(paths.live, { url: `ws://${inUrl(own)}:${port}/`, token: password }, 0o600)
  // A token from the command line is known to who gave it; a random one has to be shown once.
  const shown = `ws://${inUrl(host)}:${port}/?token=${token === null ? password : 'TOKEN'}`
  return { shown, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

/** How this host itself reaches a server that listens on every address; undefined when it listens on one. */
function loopbackFor(address: string): string | undefined {
  return address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : undefined
}

/** The first address by which others may reach this host. */
function ownAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address
}

function inUrl(address: string): string {
  return address.includes(':') ? `[${address}]` : address
}
