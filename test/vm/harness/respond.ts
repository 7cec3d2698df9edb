import type { ServerResponse } from 'node:http'

/** Sends a body, as fast as the client takes it; gives the bytes that were handed over before it went away. */
export async function send(response: ServerResponse, body: AsyncIterable<Uint8Array>): Promise<number> {
  let sent = 0
  const { promise: gone, resolve } = Promise.withResolvers<void>()
  response.once('close', resolve)
  for await (const chunk of body) {
    if (response.destroyed) break
    sent += chunk.length
    if (response.write(chunk)) continue
    const drained = Promise.withResolvers<void>()
    response.once('drain', drained.resolve)
    await Promise.race([drained.promise, gone])
  }
  return sent
}

/** Ends an answer, waits until it has been handed over or the client is gone, and gives which. */
export async function finish(response: ServerResponse): Promise<boolean> {
  if (response.destroyed) return false
  const over = Promise.withResolvers<void>()
  response.once('close', over.resolve)
  response.end()
  await over.promise
  return response.writableFinished
}

/** An answer of one line. */
export async function plain(
  response: ServerResponse,
  status: number,
): Promise<{ status: number; bytesSent: number; complete: boolean }> {
  const body = `${status}\n`
  response.writeHead(status, { 'Content-Type': 'text/plain', 'Content-Length': body.length })
  response.end(body)
  return { status, bytesSent: body.length, complete: true }
}
