import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocketServer } from 'ws'
import { startLiveServer } from '../../../src/live/server.ts'
import { openEventLog } from '../../../src/runtime/event-log.ts'
import { systemClock } from '../../../src/system/clock.ts'
import type { Load, LoadResult, ServerAddress } from './messages.ts'

// A live log in the folder that is named, and what it is compared with, in a process of its own.
const dir = process.argv[2] ?? ''
const log = openEventLog(join(dir, 'events.ndjson'), 'bench', systemClock)
const hello = {
  schema: 'speediso.hello/1',
  host: 'bench',
  boot_id: null,
  speediso: { version: '0', commit: 'bench' },
  image: null,
} as const
const server = await startLiveServer({
  address: '127.0.0.1',
  port: 0,
  token: 'bench',
  hello,
  events: log,
  report: join(dir, 'report.json'),
})
/** The file through a bare socket. */
const plain = createServer((socket) => createReadStream(log.path).pipe(socket)).listen(0, '127.0.0.1')
/** Messages through a bare websocket. */
const bare = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false })
await Promise.all([once(plain, 'listening'), once(bare, 'listening')])

const TICK = 10
const now = () => String(process.hrtime.bigint())

process.on('message', async ({ rate, seconds, text, to }: Load) => {
  const say = (message: string) => {
    if (to === 'log') log.append({ kind: 'log', level: 'info', message })
    else for (const client of bare.clients) client.send(message)
  }
  const rss = process.memoryUsage.rss()
  const cpu = process.cpuUsage()
  const from = performance.now()
  let peak = rss
  let said = 0
  for (let at = 0; at < seconds * 1000; at += TICK) {
    for (; said < (rate * at) / 1000; said += 1) say(`${now()} ${text}`)
    peak = Math.max(peak, process.memoryUsage.rss())
    await sleep(Math.max(0, from + at + TICK - performance.now()))
  }
  const { user, system } = process.cpuUsage(cpu)
  const wall = performance.now() - from
  const result: LoadResult = {
    said,
    last: log.last,
    cores: (user + system) / 1000 / wall,
    rate: (said * 1000) / wall,
    rssGrowth: peak - rss,
    rss: peak,
  }
  process.send?.(result)
})
process.on('disconnect', () => process.exit())
const port = (address: unknown) => (address as AddressInfo).port
const addresses: ServerAddress = {
  live: server.port,
  plain: port(plain.address()),
  bare: port(bare.address()),
}
process.send?.(addresses)
