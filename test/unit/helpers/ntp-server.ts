import { createSocket, type RemoteInfo } from 'node:dgram'
import type { AddressInfo } from 'node:net'

/** How an NTP server answers; a true and synchronised one when nothing is said. */
export interface NtpAnswer {
  /** Milliseconds since 1970. */
  time?: number
  stratum?: number
  leap?: number
  mode?: number
  /** Four letters in place of a reference. */
  kiss?: string
  /** Milliseconds between receiving and answering, as it claims. */
  used?: number
  /** Changes the packet last of all; undefined: no answer. */
  edit?: (packet: Buffer, count: number) => Buffer | undefined
}

export interface NtpServer extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly name: string
  /** Packets that came. */
  readonly requests: Buffer[]
}

const TO_1970 = 2_208_988_800

/** Writes milliseconds since 1970 as an NTP timestamp; from 2036 on in the next era. */
export function writeTimestamp(packet: Buffer, offset: number, time: number): void {
  const seconds = Math.floor(time / 1000)
  packet.writeUInt32BE((seconds + TO_1970) % 2 ** 32, offset)
  packet.writeUInt32BE(Math.floor(((time / 1000) % 1) * 2 ** 32), offset + 4)
}

export function ntpReply(request: Buffer, answer: NtpAnswer): Buffer {
  const { time = Date.now(), stratum = 2, leap = 0, mode = 4, kiss, used = 0 } = answer
  const packet = Buffer.alloc(48)
  packet[0] = (leap << 6) | (4 << 3) | mode
  packet[1] = stratum
  if (kiss !== undefined) packet.write(kiss, 12, 'latin1')
  request.copy(packet, 24, 40, 48)
  writeTimestamp(packet, 32, time - used)
  writeTimestamp(packet, 40, time)
  return packet
}

/** A real server on a free UDP port of this machine. */
export async function startNtpServer(answer: NtpAnswer = {}): Promise<NtpServer> {
  const socket = createSocket('udp4')
  const requests: Buffer[] = []
  socket.on('message', (request: Buffer, from: RemoteInfo) => {
    requests.push(request)
    const plain = ntpReply(request, answer)
    const packet = answer.edit === undefined ? plain : answer.edit(plain, requests.length)
    if (packet !== undefined) socket.send(packet, from.port, from.address)
  })
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  const { port } = socket.address() as AddressInfo
  return {
    name: `127.0.0.1:${port}`,
    requests,
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => socket.close(() => resolve()))
    },
  }
}
