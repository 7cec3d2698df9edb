import { once } from 'node:events'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { InputError } from '../errors.ts'
import { pinOf, shownUrl } from './address.ts'

/**
 * A connection to the server of this address. With TLS its certificate is known to be the right one before anything is
 * sent: by the pinned fingerprint alone, when there is one, else as any certificate is.
 * @throws InputError when the certificate is another one, or unknown
 * @throws Error of the system when there is no connection
 */
export async function dial(url: URL, signal: AbortSignal): Promise<Socket> {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const secure = url.protocol === 'wss:'
  const port = Number(url.port) || (secure ? 443 : 80)
  const socket = secure
    ? connectTls({ host, port, servername: isIP(host) === 0 ? host : '', rejectUnauthorized: false })
    : connectTcp({ host, port })
  try {
    await once(socket, secure ? 'secureConnect' : 'connect', { signal })
    if (secure) checkCertificate(socket as TLSSocket, url)
    return socket
  } catch (error) {
    // A late error of a socket that nobody waits for any more.
    socket.on('error', () => {})
    socket.destroy()
    throw error
  }
}

function checkCertificate(socket: TLSSocket, url: URL): void {
  const { fingerprint256: actual } = socket.getPeerCertificate()
  const pinned = pinOf(url)
  if (pinned === undefined) {
    if (socket.authorized) return
    throw new InputError(
      `${shownUrl(url)}: its certificate is not known here (${socket.authorizationError})`,
      {
        hint: `its fingerprint is ${actual}; if that stands on the host's console, add --fingerprint ${actual}`,
        facts: { fingerprint: actual },
      },
    )
  }
  if (pinned !== actual)
    throw new InputError(`${shownUrl(url)}: refused, its certificate is not the one that was named`, {
      hint: `its fingerprint is ${actual}; another host answers there, or this one was booted anew`,
      facts: { fingerprint: actual, pinned },
    })
}
