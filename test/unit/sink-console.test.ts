import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdirSync, openSync, readSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Event } from '../../src/runtime/events.ts'
import { openConsoles } from '../../src/runtime/sinks/console.ts'
import { createConsoleQueue } from '../../src/runtime/sinks/console-queue.ts'
import { shape } from '../../src/runtime/sinks/console-writer.ts'
import { type Progress, progressLine } from '../../src/runtime/sinks/progress-line.ts'
import { createMachineRoot } from '../../src/system/machine-root.ts'
import { temporaryDir } from './helpers/temporary.ts'

let seq = 0
const event = (body: object): Event =>
  ({ seq: ++seq, time: '2026-01-02T03:04:05.000Z', host: 'h', ...body }) as Event
const log = (message: string, level = 'info') => event({ kind: 'log', level, message })
const progress = (step: string, done: number, over: object = {}) =>
  event({
    kind: 'step.progress',
    task: 'wipe',
    step,
    done,
    total: 1e12,
    unit: 'bytes',
    rate: 5e8,
    eta: 60,
    ...over,
  })

/** A machine whose consoles are pipes; the test holds their other ends. */
function consoles(active: string, names: string[]) {
  const dir = temporaryDir()
  mkdirSync(join(dir, 'sys/class/tty/console'), { recursive: true })
  mkdirSync(join(dir, 'dev'))
  writeFileSync(join(dir, 'sys/class/tty/console/active'), `${active}\n`)
  const ends = new Map<string, number>()
  for (const name of names) {
    execFileSync('mkfifo', [join(dir, 'dev', name)])
    ends.set(name, openSync(join(dir, 'dev', name), constants.O_RDONLY | constants.O_NONBLOCK))
  }
  const read = (name: string): string => {
    const buffer = Buffer.alloc(1024 * 1024)
    let text = ''
    for (;;) {
      try {
        const count = readSync(ends.get(name) ?? -1, buffer)
        if (count === 0) return text
        text += buffer.toString('utf8', 0, count)
      } catch {
        return text
      }
    }
  }
  return {
    root: createMachineRoot(dir),
    read,
    [Symbol.dispose]() {
      for (const end of ends.values()) closeSync(end)
    },
  }
}

test('every console of the kernel gets every line; colours only on the screen', async () => {
  using machine = consoles('tty0 ttyS0', ['tty1', 'ttyS0'])
  const sink = await openConsoles(machine.root)
  assert.is(sink.count, 2)
  sink.print('Live log: http://h:1/')
  sink.show(
    event({ kind: 'task.end', task: 'wipe', verdict: 'failed', reason: 'it broke\x1b[2J', seconds: 2 }),
  )
  sink.show(log('for debugging', 'debug'))
  await sink.finish()
  assert.is(
    machine.read('ttyS0'),
    'Live log: http://h:1/\n03:04:05 wipe: FAILED in 2.00 s (it broke\\x1b[2J)\n',
  )
  assert.match(machine.read('tty1'), 'wipe: \x1b[1;31mFAILED\x1b[0m in 2.00 s (it broke\\x1b[2J)\n')
})

test('10,000 events in a second: no more than the line carries, verdicts all there, and the gap is said', async () => {
  using machine = consoles('ttyS0', ['ttyS0'])
  const sink = await openConsoles(machine.root)
  const text = { all: '' }
  const from = performance.now()
  for (let i = 0; i < 10_000; i += 1) {
    sink.show(log(`line ${i} ${'x'.repeat(60)}`))
    if (i % 1000 === 0) sink.show(event({ kind: 'task.end', task: `t${i}`, verdict: 'passed', seconds: 1 }))
  }
  while (performance.now() - from < 1500) {
    await sleep(20)
    text.all += machine.read('ttyS0')
  }
  const carried = (11_520 * (performance.now() - from + 200)) / 1000
  assert.ok(text.all.length <= carried, `${text.all.length} of ${carried} bytes`)
  assert.ok(text.all.length > 5000, 'but something was shown')
  await sink.finish()
  text.all += machine.read('ttyS0')
  for (let i = 0; i < 10_000; i += 1000) assert.match(text.all, `t${i}: PASSED`)
  assert.match(text.all, /\.\.\. \d+ lines skipped here; speediso log shows all\n/)
})

test('a console that nobody reads, or that has gone, costs the others nothing', async () => {
  using machine = consoles('ttyS1 ttyS9 ttyS0', ['ttyS0', 'ttyS1'])
  const sink = await openConsoles(machine.root)
  assert.is(sink.count, 2, 'ttyS9 is not there')
  let seen = ''
  for (let i = 0; i < 40; i += 1) {
    // The pipe of ttyS1 is full after 64 KiB.
    for (let j = 0; j < 200; j += 1) sink.show(log(`${i} ${'y'.repeat(100)}`))
    await sleep(10)
    seen += machine.read('ttyS0')
  }
  sink.print('the end')
  const from = performance.now()
  await sink.finish()
  assert.ok(performance.now() - from < 20_000)
  assert.match(seen + machine.read('ttyS0'), 'the end')
})

test('progress: at most once a second, and only of steps that run', async () => {
  using machine = consoles('ttyS0', ['ttyS0'])
  const sink = await openConsoles(machine.root)
  for (let i = 0; i < 25; i += 1) {
    sink.show(progress('a', i * 1e9))
    await sleep(100)
  }
  sink.show(event({ kind: 'step.end', task: 'wipe', step: 'a', verdict: 'passed', seconds: 1, evidence: {} }))
  await sleep(1200)
  await sink.finish()
  const lines = machine.read('ttyS0').trim().split('\n')
  const shown = lines.filter((line) => line.includes('GB of 1.0 TB'))
  assert.ok(shown.length >= 1 && shown.length <= 3, lines.join('\n'))
  assert.match(lines.at(-1) ?? '', 'wipe/a: passed')
})

test('several steps in one line', () => {
  const [a, b] = [progress('a', 5e11), progress('b', 2.5e11, { eta: 4000 })] as Progress[]
  assert.ok(a !== undefined && b !== undefined)
  assert.is(progressLine([]), undefined)
  assert.is(progressLine([a, b]), '03:04:05 wipe: 2 steps running, 37.5 %, 1.0 GB/s, 4000 s left')
  const whole = { ...a, kind: 'task.progress', done: 4, total: 12, unit: 'steps', eta: 9000 } as const
  const all = '03:04:05 wipe: 2 steps running, 37.5 %, 1.0 GB/s, 4 of 12 steps, about 2h30m left'
  assert.is(progressLine([a, b], [whole]), all)
  const files = { ...b, unit: 'files', eta: null }
  assert.is(progressLine([a, files]), '03:04:05 wipe: 2 steps running')
})

test('a flood of ordinary lines drops the oldest of them and nothing else', () => {
  const queue = createConsoleQueue()
  queue.push({ text: 'important', important: true })
  for (let i = 0; i < 1000; i += 1) queue.push({ text: `${i}`, important: false })
  assert.is(queue.shift(), '... 800 lines skipped here; speediso log shows all')
  assert.is(queue.shift(), 'important')
  assert.is(queue.shift(), '800')
  let count = 0
  while (!queue.empty) {
    queue.shift()
    count += 1
  }
  assert.is(count, 199)
})

test('long lines are cut', () => {
  assert.is(shape('x'.repeat(300), true).length, 200)
  assert.match(shape('x'.repeat(300), true), /x\.\.\.$/)
})

test('a machine without consoles', async () => {
  const dir = temporaryDir()
  const sink = await openConsoles(createMachineRoot(dir))
  assert.is(sink.count, 0)
  sink.print('to nobody')
  await sink.finish()
})

test.run()
