import { once } from 'node:events'
import { createReadStream, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, normalize } from 'node:path'
import { pipeline } from 'node:stream/promises'

/** A web server over a folder that counts what it sends; parts as in RFC 9110, 14, several in one answer too. */
export async function byteServer(dir: string) {
  let sent = 0
  const server = createServer(async (request, response) => {
    try {
      const path = join(dir, normalize(request.url ?? '/'))
      const size = statSync(path, { throwIfNoEntry: false })?.size
      if (size === undefined) return void response.writeHead(404).end()
      response.setHeader('etag', `"${size}"`)
      const ranges = [...(request.headers.range ?? '').matchAll(/(\d+)-(\d*)/g)].map(([, from, last]) => ({
        from: Number(from),
        last: last === '' ? size - 1 : Math.min(Number(last), size - 1),
      }))
      const length = ranges.reduce((sum, { from, last }) => sum + last + 1 - from, 0)
      const place = ({ from, last }: { from: number; last: number }) => `bytes ${from}-${last}/${size}`
      const [only] = ranges
      if (only === undefined) {
        response.writeHead(200, { 'content-length': size })
        sent += size
        return await pipeline(createReadStream(path, { highWaterMark: 2 ** 20 }), response)
      }
      sent += length
      if (ranges.length === 1) {
        response.writeHead(206, { 'content-range': place(only), 'content-length': length })
        return await pipeline(createReadStream(path, { start: only.from, end: only.last }), response)
      }
      // zsync takes no chunked coding: the length is told.
      const heads = ranges.map((range) => `\r\n--part\r\nContent-Range: ${place(range)}\r\n\r\n`)
      const end = '\r\n--part--\r\n'
      const around = heads.join('').length + end.length
      response.writeHead(206, {
        'content-type': 'multipart/byteranges; boundary=part',
        'content-length': length + around,
      })
      sent += around
      for (const [i, range] of ranges.entries()) {
        response.write(heads[i])
        for await (const piece of createReadStream(path, { start: range.from, end: range.last }))
          if (!response.write(piece)) await once(response, 'drain')
      }
      response.end(end)
    } catch {
      response.destroy()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Bytes of bodies since it was asked last. */
    takeSent() {
      const bytes = sent
      sent = 0
      return bytes
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
