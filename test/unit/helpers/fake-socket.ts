/** A WebSocket and a server behind it that the test plays. */
export class FakeSocket {
  static all: FakeSocket[] = []
  readonly url: URL
  closed = false
  onmessage: ((message: { data: string }) => void) | null = null
  onclose: ((event: { reason: string }) => void) | null = null

  constructor(url: URL) {
    this.url = url
    FakeSocket.all.push(this)
  }

  close(): void {
    this.closed = true
  }

  say(message: unknown): void {
    this.onmessage?.({ data: typeof message === 'string' ? message : JSON.stringify(message) })
  }

  end(reason = ''): void {
    this.onclose?.({ reason })
  }

  get since(): string | null {
    return this.url.searchParams.get('since')
  }
}

/** The one that was opened last. */
export function lastSocket(): FakeSocket {
  const socket = FakeSocket.all.at(-1)
  if (socket === undefined) throw new Error('nothing was opened')
  return socket
}

export function greeting(over: Record<string, unknown> = {}) {
  const speediso = { version: '1', commit: 'c' }
  return { schema: 'speediso.hello/1', host: 'h', boot_id: 'b1', speediso, image: null, last: 0, ...over }
}
