import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openConsoles } from '../../src/runtime/sinks/console.ts'
import { createMachineRoot } from '../../src/system/machine-root.ts'
import { openPseudoTerminal } from './helpers/pseudo-terminal.ts'
import { temporaryDir } from './helpers/temporary.ts'

/** A machine whose serial console is a real terminal. */
function machine(terminal: string) {
  const dir = temporaryDir()
  mkdirSync(join(dir, 'sys/class/tty/console'), { recursive: true })
  mkdirSync(join(dir, 'dev'))
  writeFileSync(join(dir, 'sys/class/tty/console/active'), 'ttyS0\n')
  symlinkSync(terminal, join(dir, 'dev/ttyS0'))
  return createMachineRoot(dir)
}

test('a terminal that a getty hangs up is written to again', async () => {
  using terminal = openPseudoTerminal()
  const sink = await openConsoles(machine(terminal.path))
  sink.print('before')
  let seen = ''
  while (!seen.includes('before')) {
    await sleep(20)
    seen += terminal.read()
  }
  terminal.hangUp()
  sink.print('after')
  for (let i = 0; i < 250 && !seen.includes('after'); i += 1) {
    await sleep(20)
    seen += terminal.read()
  }
  assert.is(seen, 'before\r\nafter\r\n')
  await sink.finish()
})

test('a terminal whose output is held up delays nobody', async () => {
  using terminal = openPseudoTerminal()
  const sink = await openConsoles(machine(terminal.path))
  // Nobody reads: the kernel takes a few KiB and no more.
  for (let i = 0; i < 5000; i += 1) sink.print(`line ${i} ${'x'.repeat(100)}`)
  await sleep(1000)
  await sink.finish()
  assert.match(terminal.read(), 'line 0 ')
})

test.run()
