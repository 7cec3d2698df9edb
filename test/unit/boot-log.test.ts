import { existsSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createBootLog } from '../../src/cli/boot-log.ts'
import { openEventLog } from '../../src/runtime/event-log.ts'
import { runPaths } from '../../src/runtime/paths.ts'
import { systemClock } from '../../src/system/clock.ts'
import { createExec } from '../../src/system/exec.ts'
import { temporaryDir } from './helpers/temporary.ts'

const hello = {
  schema: 'speediso.hello/1',
  host: 'test',
  boot_id: null,
  speediso: { version: '1', commit: 'c' },
  image: null,
} as const

test('the log moves to where the whole job wants it; off leaves no address behind', async () => {
  const paths = runPaths(temporaryDir())
  const events = openEventLog(paths.events, 'test', systemClock)
  await using log = createBootLog({ hello, events, paths, exec: createExec() })
  const at = { listen: { address: '127.0.0.1', port: 7392 }, token: null, tls: false }
  assert.is(await log.open(at), true)
  assert.match(log.shown ?? '', '127.0.0.1:7392')
  assert.is((await fetch('http://127.0.0.1:7392/report')).status, 401)
  assert.is(await log.open({ ...at }), false, 'it is there already')
  assert.is(await log.open({ ...at, listen: { address: '127.0.0.1', port: 7393 } }), true)
  await fetch('http://127.0.0.1:7392/report').then(
    () => assert.unreachable('the old one is still there'),
    () => {},
  )
  assert.is((await fetch('http://127.0.0.1:7393/report')).status, 401)
  assert.is(await log.open({ ...at, listen: 'off' }), true)
  assert.is(log.shown, undefined)
  assert.not(existsSync(paths.live))
  events.close()
})

test.run()
