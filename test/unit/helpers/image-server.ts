import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface ServedImage {
  bytes: Buffer
  etag?: string
  /** Says that what it sends is packed. */
  coded?: true
  /** Sends a part also of another content than the one that was begun. */
  heedless?: true
  /** Absent: parts are sent when asked for. */
  ranges?: false
  /** Sends no Content-Length. */
  untold?: 'chunked' | 'closed'
  /** Changes what is sent, or ends it: called with the request's number and what would be sent. */
  spoil?: (request: number, body: Buffer, response: ServerResponse) => Buffer | 'cut' | number
}

/** A web server with some files; closed with the scope. */
export async function imageServer(files: Record<string, ServedImage | Buffer>) {
  const requests: {
    path: string
    range: string | undefined
    ifRange: string | undefined
    port: number | undefined
  }[] = []
  let number = 0
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    const { url: path = '', headers, socket } = request
    const { range } = headers
    requests.push({ path, range, ifRange: headers['if-range']?.toString(), port: socket.remotePort })
    const served = files[path]
    if (served === undefined) return response.writeHead(404).end('no such file')
    const file: ServedImage = 'bytes' in served ? served : { bytes: served }
    const {
      bytes,
      etag = `"${createHash('sha256').update(bytes).digest('hex')}"`,
      ranges,
      untold,
      spoil,
      coded,
      heedless,
    } = file
    const fits = heedless || headers['if-range'] === undefined || headers['if-range'] === etag
    const [, from, last] = (ranges !== false && fits && /^bytes=(\d+)-(\d*)$/.exec(range ?? '')) || []
    let body = bytes
    let status = 200
    if (from !== undefined) {
      if (Number(from) >= bytes.length) return response.writeHead(416).end()
      const end = last === '' || last === undefined ? bytes.length : Math.min(Number(last) + 1, bytes.length)
      body = bytes.subarray(Number(from), end)
      status = 206
      response.setHeader('content-range', `bytes ${from}-${end - 1}/${bytes.length}`)
    }
    if (etag !== '') response.setHeader('etag', etag)
    if (coded) response.setHeader('content-encoding', 'gzip')
    if (untold === undefined) response.setHeader('content-length', body.length)
    if (untold === 'closed') response.setHeader('connection', 'close').removeHeader('transfer-encoding')
    const sent = /\.(img|chunks)$/.test(path) ? (spoil?.(number++, body, response) ?? body) : body
    if (typeof sent === 'number') return response.writeHead(sent, { 'content-length': 0 }).end()
    if (untold === 'closed') response.useChunkedEncodingByDefault = false
    response.writeHead(status)
    if (sent === 'cut') response.write(body.subarray(0, body.length >> 1), () => socket.destroy())
    else response.end(sent)
    return undefined
  }
  const server = createServer(handle)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
