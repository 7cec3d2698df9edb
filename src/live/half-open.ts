import type { Server as HttpServer, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Keeps few connections that have not asked for anything yet: with more than `limit` the oldest are closed, so that
 * somebody who opens many and says nothing keeps no one out. One that has asked is no concern of this.
 * @param patience milliseconds in which none is closed: many viewers may well come at once, after a restart
 * @returns closes them all
 */
export function limitHalfOpen(http: HttpServer, limit: number, patience: number): () => void {
  const open = new Map<string, { socket: Socket; since: number }>()
  // With TLS the socket of a request is another object than that of its connection; their peer is the same.
  const nameOf = ({ remoteAddress, remotePort }: Socket) => `${remoteAddress} ${remotePort}`
  const makeRoom = () => {
    const latest = performance.now() - patience
    for (const [name, { socket, since }] of open) {
      if (open.size <= limit || since > latest) return
      open.delete(name)
      socket.destroy()
    }
  }
  http.on('connection', (socket: Socket) => {
    const name = nameOf(socket)
    const entry = { socket, since: performance.now() }
    open.set(name, entry)
    socket.on('close', () => {
      if (open.get(name) === entry) open.delete(name)
    })
    makeRoom()
  })
  // One that did not come in because the server holds as many as it may.
  http.on('drop', makeRoom)
  const asked = ({ socket }: IncomingMessage) => open.delete(nameOf(socket))
  http.on('request', asked)
  http.on('upgrade', asked)
  return () => {
    for (const { socket } of open.values()) socket.destroy()
  }
}
