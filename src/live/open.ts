import { randomBytes } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { hostname, networkInterfaces } from 'node:os'
import { explainInLine } from '../errors.ts'
import type { Job, Listen } from '../job/schema.ts'
import type { EventLog } from '../runtime/event-log.ts'
import type { RunPaths } from '../runtime/paths.ts'
import type { Exec } from '../system/exec.ts'
import { writeDocument } from '../system/write-file.ts'
import type { LivePage } from './answer.ts'
import { type Certificate, makeCertificate } from './certificate.ts'
import { type Hello, liveFileSchema } from './protocol.ts'
import { type LiveServer, startLiveServer } from './server.ts'

export interface LiveLog extends AsyncDisposable {
  /** Address for people, when there is a server. */
  readonly shown: string | undefined
  /** What a viewer has to give, when there is a server. */
  readonly token: string | undefined
}

export interface LiveLogDependencies {
  hello: Hello
  events: EventLog
  paths: RunPaths
  exec: Exec
  /** Served to browsers. */
  page?: LivePage | undefined
  /** By which others reach this host: that of the card that reports. Absent: the first one. */
  ownAddress?: string | undefined
}

const NO_LOG: LiveLog = { shown: undefined, token: undefined, async [Symbol.asyncDispose]() {} }

/** Opens the live log as the job asks for it. A log that cannot be had is said, and stops no job. */
export async function openLiveLog(log: Job['log'], deps: LiveLogDependencies): Promise<LiveLog> {
  try {
    return log.listen === 'off' ? NO_LOG : await open(log.listen, log, deps)
  } catch (error) {
    deps.events.append({ kind: 'log', level: 'error', message: explainInLine(error) })
    return NO_LOG
  }
}

async function open(
  listen: Exclude<Listen, 'off'>,
  { token, tls }: Job['log'],
  deps: LiveLogDependencies,
): Promise<LiveLog> {
  const { hello, events, paths, exec, page } = deps
  const ownAddress = deps.ownAddress ?? firstAddress()
  const password = token ?? (await earlierToken(paths.live)) ?? randomBytes(12).toString('base64url')
  const certificate = tls ? await makeCertificate(exec, ownNames(ownAddress)) : undefined
  const server: LiveServer = await startLiveServer({
    ...listen,
    token: password,
    hello,
    events,
    report: paths.report,
    page,
    tls: certificate,
    warn: (message) => events.append({ kind: 'log', level: 'warning', message }),
  })
  await using made = new AsyncDisposableStack()
  made.use(server)

  const loopback = loopbackFor(server.address)
  const url = (address: string) => `${tls ? 'https' : 'http'}://${inUrl(address)}:${server.port}/`
  const address = { url: url(loopback ?? server.address), token: password }
  const pin = certificate === undefined ? {} : { fingerprint: certificate.fingerprint }
  const random = token === null
  await writeDocument(paths.live, { ...address, ...pin, random }, 0o600).catch((error: unknown) => {
    const message = `live log: ${paths.live} cannot be written: ${explainInLine(error)}`
    events.append({ kind: 'log', level: 'warning', message })
  })
  if (certificate !== undefined) {
    const message = `live log: the certificate's SHA-256 fingerprint is ${certificate.fingerprint}`
    events.append({ kind: 'log', level: 'info', message })
  }
  const host = loopback === undefined ? server.address : (ownAddress ?? loopback)
  const owned = made.move()
  return {
    shown: `${url(host)}#${secrets(random ? password : undefined, certificate)}`,
    token: password,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** The token of an earlier process of this boot, so that its viewers may resume; only of a file that is ours alone. */
async function earlierToken(path: string): Promise<string | undefined> {
  try {
    const { uid, mode } = await stat(path)
    if (uid !== process.getuid?.() || (mode & 0o077) !== 0) return undefined
    const live = liveFileSchema.parse(JSON.parse(await readFile(path, 'utf8')))
    // One that was given is not ours to give away again.
    return live.random ? live.token : undefined
  } catch {
    return undefined
  }
}

/** A token from the command line is known to who gave it; a random one has to be shown once. */
function secrets(token: string | undefined, certificate: Certificate | undefined): string {
  const pin = certificate === undefined ? '' : `&fingerprint=${certificate.fingerprint}`
  return `token=${token ?? 'TOKEN'}${pin}`
}

/** How this host itself reaches a server that listens on every address; undefined when it listens on one. */
function loopbackFor(address: string): string | undefined {
  return address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : undefined
}

/** The first address by which others may reach this host. */
function firstAddress(): string | undefined {
  return ownInterfaces().find(({ family, internal }) => family === 'IPv4' && !internal)?.address
}

function ownNames(ownAddress: string | undefined): { hostname: string; addresses: string[] } {
  const addresses = ownInterfaces().map(({ address }) => address)
  return {
    hostname: hostname(),
    addresses: ownAddress === undefined ? addresses : [ownAddress, ...addresses],
  }
}

function ownInterfaces() {
  return Object.values(networkInterfaces()).flatMap((list) => list ?? [])
}

function inUrl(address: string): string {
  return address.includes(':') ? `[${address}]` : address
}
