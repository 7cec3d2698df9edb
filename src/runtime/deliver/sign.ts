import { createHmac } from 'node:crypto'

/**
 * HMAC-SHA256 (RFC 2104) over `<timestamp>.<body bytes>`, as `sha256=<hex>`. The time is signed with the body, so that
 * what was overheard cannot be posted again later.
 */
export function sign(key: string, timestamp: number, body: string | Uint8Array): string {
  const hmac = createHmac('sha256', key).update(`${timestamp}.`).update(body)
  return `sha256=${hmac.digest('hex')}`
}
