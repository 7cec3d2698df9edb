import type { EventBody } from '../../../src/runtime/events.ts'
import { HELLO, startLog } from './live.ts'

// A live log in a process of its own, to be killed: serve-live.ts DIR PORT BOOT_ID; events come as messages.
const [dir = '', port = '0', boot_id = 'boot-1'] = process.argv.slice(2)
const live = await startLog({ port: Number(port), hello: { ...HELLO, boot_id } }, dir)
process.on('message', (events: EventBody[]) => {
  for (const event of events) live.log.append(event)
})
process.on('disconnect', () => process.exit())
process.on('SIGTERM', () => void live[Symbol.asyncDispose]().then(() => process.exit()))
process.send?.(live.server.port)
