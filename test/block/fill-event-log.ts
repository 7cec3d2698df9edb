import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openEventLog } from '../../src/runtime/event-log.ts'
import { systemClock } from '../../src/system/clock.ts'

// A program for the test of a full disk: `node fill-event-log.ts DIR` on a small filesystem; prints what it saw.
const dir = process.argv[2] ?? ''
const filler = join(dir, 'filler')
writeFileSync(filler, Buffer.alloc(16 * 1024))
const log = openEventLog(join(dir, 'events.ndjson'), 'test', systemClock)
const say = (message: string) => log.append({ kind: 'log', level: 'info', message })
for (let i = 0; i < 200; i += 1) say('x'.repeat(200))
const whileFull = readFileSync(log.path, 'utf8')
rmSync(filler)
say('there is room again')
const whenFree = readFileSync(log.path, 'utf8')
process.stdout.write(JSON.stringify({ whileFull, whenFree, last: log.last }))
