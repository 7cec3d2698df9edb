import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { reportOf, startDelivery, startReceiver, until } from '../unit/helpers/deliver.ts'

// A program for the test of a full disk: `node fill-spool.ts DIR` on a small filesystem; prints what it saw.
const dir = process.argv[2] ?? ''
const filler = join(dir, 'filler')
const spool = { dir: join(dir, 'spool'), survives: true }
await using server = await startReceiver(() => 500)
await using bench = await startDelivery(`speediso.report=${server.url} speediso.report.wait=100ms`, { spool })
try {
  for (let size = 0; ; size += 4096) writeFileSync(filler, Buffer.alloc(size))
} catch {
  // Now it is full.
}
const outcome = await bench.delivery.deliver(reportOf({ reason: 'x'.repeat(20_000) }))
const whileFull = readdirSync(spool.dir)
const going = bench.delivery.beforeAfter('reboot')
await until(() => bench.delivery.state().held !== null)
server.behave = () => 200
const went = await going
rmSync(filler)
process.stdout.write(
  JSON.stringify({ outcome, whileFull, went, took: server.took, said: await bench.said() }),
)
