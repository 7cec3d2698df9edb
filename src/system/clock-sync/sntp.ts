import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { SpeedisoError } from '../../errors.ts'
import type { AskDeps, Told } from './told.ts'

const PORT = 123
/** Without extension fields and authentication (RFC 5905, 7.3). */
const PACKET = 48
/** Leap indicator 0, version 4, mode 3: client. */
const CLIENT = 0x23
const SERVER_MODE = 4
/** Of the leap indicator: the server's own clock is not synchronised. */
const NOT_SYNCHRONISED = 3
const ORIGINATE = 24
const RECEIVE = 32
const TRANSMIT = 40
/** Seconds from 1900 to 1970, and of one NTP era. */
const TO_1970 = 2_208_988_800
const ERA = 2 ** 32
/** The first packet after link-up often waits for ARP in vain; milliseconds. */
const AGAIN = 1000

/**
 * Asks one time server, `HOST`, `HOST:PORT` or `[IPV6]:PORT`, by SNTP (RFC 4330, 5; packet of RFC 5905); until the
 * signal ends it. Our transmit timestamp is random, as no server needs it, and must come back as originate timestamp.
 * @throws SpeedisoError when the server is not to be relied on, and says so or shows it
 */
export async function askNtp(server: string, { clock, signal }: AskDeps): Promise<Told> {
  const { host, port } = splitServer(server)
  const { address, family } = await lookup(host).catch((cause: unknown) => {
    throw new SpeedisoError('no such host', { cause })
  })
  signal.throwIfAborted()
  const socket = createSocket(family === 6 ? 'udp6' : 'udp4')
  const { promise, resolve, reject } = Promise.withResolvers<Told>()
  const sent = new Map<string, number>()
  const ask = () => {
    const request = Buffer.alloc(PACKET)
    request[0] = CLIENT
    randomBytes(8).copy(request, TRANSMIT)
    sent.set(request.toString('hex', TRANSMIT), clock.monotonic())
    socket.send(request)
  }
  socket.on('error', (cause: NodeJS.ErrnoException) =>
    reject(
      new SpeedisoError(cause.code === 'ECONNREFUSED' ? 'connection refused' : cause.message, { cause }),
    ),
  )
  socket.on('message', (reply) => {
    const at = clock.monotonic()
    // What does not answer one of our questions is somebody else's, or forged: the true answer may still come.
    const asked = reply.length < PACKET ? undefined : sent.get(reply.toString('hex', ORIGINATE, RECEIVE))
    if (asked === undefined) return
    try {
      resolve({ from: `NTP server ${server}`, time: readReply(reply, at - asked), at })
    } catch (error) {
      reject(error)
    }
  })
  let again: NodeJS.Timeout | undefined
  socket.on('connect', () => {
    ask()
    again = setInterval(ask, AGAIN)
  })
  const stop = () => reject(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  try {
    // Connected: the kernel drops what comes from elsewhere, and tells when nobody listens there.
    socket.connect(port, address)
    return await promise
  } finally {
    clearInterval(again)
    signal.removeEventListener('abort', stop)
    socket.close()
  }
}

/**
 * Milliseconds since 1970 at the moment that the reply came.
 * @param roundTrip milliseconds between question and reply
 * @throws SpeedisoError when it is no answer of a synchronised server (RFC 4330, 5)
 */
export function readReply(reply: Buffer, roundTrip: number): number {
  const first = reply.readUInt8(0)
  const stratum = reply.readUInt8(1)
  if ((first & 7) !== SERVER_MODE) throw new SpeedisoError(`an answer of mode ${first & 7}, not of a server`)
  if (stratum === 0) {
    // RFC 5905, 7.4: the kiss code, four letters.
    const code = reply.toString('latin1', 12, 16).replaceAll(/[^A-Z]/g, '')
    throw new SpeedisoError(`it refuses to answer${code === '' ? '' : ` (${code})`}`)
  }
  if (stratum > 15 || first >> 6 === NOT_SYNCHRONISED)
    throw new SpeedisoError('its own clock is not synchronised')
  const transmitted = readTimestamp(reply, TRANSMIT)
  if (transmitted === undefined) throw new SpeedisoError('it names no time')
  const received = readTimestamp(reply, RECEIVE) ?? transmitted
  // The time that the reply was on its way: half of what the server did not use.
  const way = Math.max(0, roundTrip - Math.max(0, transmitted - received)) / 2
  return transmitted + way
}

/** RFC 4330, 3: a cleared first bit is the era that begins in 2036; zero is no time. */
function readTimestamp(packet: Buffer, offset: number): number | undefined {
  const seconds = packet.readUInt32BE(offset)
  const fraction = packet.readUInt32BE(offset + 4)
  if (seconds === 0 && fraction === 0) return undefined
  const era = seconds >= ERA / 2 ? 0 : ERA
  return (seconds + era - TO_1970) * 1000 + (fraction / ERA) * 1000
}

function splitServer(server: string): { host: string; port: number } {
  const match = /^(?:\[(?<six>[^\]]+)\]|(?<host>[^:]+))(?::(?<port>\d{1,5}))?$/.exec(server)
  const port = Number(match?.groups?.port ?? PORT)
  // Colons without brackets: an IPv6 address.
  return { host: match?.groups?.six ?? match?.groups?.host ?? server, port }
}
