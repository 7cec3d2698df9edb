import { writeFileSync } from 'node:fs'
import { Writable } from 'node:stream'
import { WriteStream } from 'node:tty'
import { stripVTControlCharacters } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createScreen } from '../../src/live/screen.ts'
import type { Event, EventBody } from '../../src/runtime/events.ts'
import { colourEvent, formatEvent } from '../../src/runtime/format.ts'
import { runPaths } from '../../src/runtime/paths.ts'
import { createExec } from '../../src/system/exec.ts'
import { freshDir, startLog, type TestLog, TOKEN } from './helpers/live.ts'
import { jobEnd, startLiveProcess } from './helpers/live-process.ts'
import { speediso } from './helpers/program.ts'

const address = ({ server }: TestLog) => `http://127.0.0.1:${server.port}/#token=${TOKEN}`

const stamp = { time: '2026-01-01T10:20:30.000Z', host: 'h' }
let seq = 0
const event = (body: EventBody): Event => {
  seq += 1
  return { ...stamp, seq, ...body } as Event
}
const progress = (done: number, step = 's-1'): Event =>
  event({ kind: 'step.progress', task: 'wipe', step, done, total: 100, unit: 'bytes', rate: 10, eta: 5 })
const stepEnd = (step = 's-1'): Event =>
  event({ kind: 'step.end', task: 'wipe', step, verdict: 'passed', seconds: 1, evidence: {} })

test('a job is shown to its end, and its verdict is the exit code', async () => {
  for (const [verdict, code, words] of [
    ['passed', 0, 'job: PASSED; then stay'],
    ['failed', 1, 'job: FAILED; then stay'],
    ['unknown', 3, 'job: UNKNOWN; then stay'],
    [null, 0, 'job: nothing was asked'],
  ] as const) {
    await using live = await startLog()
    live.say('hello there')
    live.log.append(jobEnd(verdict))
    const ended = await speediso(['log', address(live)])
    assert.is(ended.code, code)
    const lines = ended.stdout.trimEnd().split('\n')
    assert.is(lines.length, 2)
    assert.match(lines[0] ?? '', /^\d\d:\d\d:\d\d hello there$/)
    assert.match(lines[1] ?? '', words)
    assert.match(ended.stderr, /^host test, speediso 1 \(c\)\n$/)
  }
})

test('as JSON: each event as it is, and nothing else', async () => {
  await using live = await startLog()
  live.sayMany(3)
  live.log.append(jobEnd('passed'))
  const { code, stdout } = await speediso(['log', address(live), '--json', '--since', '1'])
  assert.is(code, 0)
  assert.equal(
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).seq),
    [2, 3, 4],
  )
})

test('a log that ends before its job has no verdict', async () => {
  await using live = await startLog()
  live.say('go')
  const { code, stderr } = await speediso(['log', address(live)], { until: 'go', signal: 'SIGTERM' })
  assert.is(code, 3, stderr)
})

test('when nobody reads the output any more, it ends', async () => {
  await using live = await startLog()
  const talking = setInterval(() => live.say('tick'), 20)
  const command = `"$0" --no-warnings src/main.ts log '${address(live)}' | head -n 2`
  const { stdout } = await createExec()('sh', ['-c', command, process.execPath], { timeout: 20_000 })
  clearInterval(talking)
  assert.match(stdout, /^..:..:.. tick\n..:..:.. tick\n$/)
})

test("this host's own log, by its folder; one whose program is gone; and none", async () => {
  const dir = freshDir()
  const none = await speediso(['log', '--run-dir', dir])
  assert.is(none.code, 2)
  assert.match(none.stderr, 'this host has no live log')

  const server = await startLiveProcess(dir)
  const { live: path } = runPaths(dir)
  writeFileSync(path, JSON.stringify({ url: `http://127.0.0.1:${server.port}/`, token: TOKEN }))
  server.append(jobEnd('failed'))
  assert.is((await speediso(['log', '--run-dir', dir])).code, 1)

  await server.end('SIGKILL')
  const gone = await speediso(['log', '--run-dir', dir])
  assert.is(gone.code, 3)
  assert.match(gone.stderr, "this host's live log is gone: the program that served it has ended")
})

test('bad input is one line and exit 2', async () => {
  await using live = await startLog()
  for (const [args, line] of [
    [['http://h/', '--since', 'x'], /--since x: is no event number/],
    [['ftp://h/'], /ftp:\/\/h\/: is no address of a live log; write http:\/\/HOST:7373\/#token=TOKEN/],
    [['https://h/', '--fingerprint', 'AB'], /fingerprint AB: is no SHA-256 fingerprint/],
    [['http://h/', '--host', 'x'], /--host: a live log is of one host/],
    [[address(live).replace(TOKEN, 'wrong')], /wrong token/],
  ] as const) {
    const { code, stderr, stdout } = await speediso(['log', ...args])
    assert.is(code, 2, stderr)
    assert.is(stdout, '')
    assert.is(stderr.trimEnd().split('\n').length, 1, stderr)
    assert.match(stderr, line)
  }
})

const ERASE = '\r\x1b[2K'
/** As a terminal of many colours has it, whatever the tests themselves run in; that is where Node looks at NO_COLOR. */
const getColorDepth = () => {
  const { NO_COLOR } = process.env
  return WriteStream.prototype.getColorDepth({
    TERM: 'xterm-256color',
    ...(NO_COLOR !== undefined && { NO_COLOR }),
  })
}

/** A screen whose output is kept. */
function show({ isTTY = false, columns = 80, json = false } = {}) {
  let out = ''
  let now = 0
  const stream = () =>
    Object.assign(
      new Writable({
        write(chunk, _, done) {
          out += chunk
          done()
        },
      }),
      { isTTY, columns, getColorDepth },
    )
  const clock = { now: () => now, monotonic: () => now }
  const screen = createScreen(stream(), stream(), clock, json)
  return {
    ...screen,
    at(milliseconds: number) {
      now = milliseconds
    },
    dispose: () => screen[Symbol.dispose](),
    take() {
      const text = out
      out = ''
      return text
    },
  }
}

test('where lines stay, progress is a line a second at most for each step', async () => {
  const screen = show()
  for (let i = 0; i < 25; i += 1) {
    screen.at(i * 100)
    await screen.show(progress(i))
    await screen.show(progress(i, 's-2'))
  }
  const lines = screen.take().trimEnd().split('\n')
  assert.is(lines.filter((line) => line.includes('wipe/s-1:')).length, 3)
  assert.is(lines.filter((line) => line.includes('wipe/s-2:')).length, 3)
  await screen.show(stepEnd())
  assert.match(screen.take(), '10:20:30 wipe/s-1: passed in 1.00 s\n')
})

test('on a terminal, progress is one line that is redrawn below the others', async () => {
  const screen = show({ isTTY: true, columns: 60 })
  await screen.show(progress(10))
  assert.is(stripVTControlCharacters(screen.take()), 'wipe/s-1: 10.0 %, 10 B of 100 B, 10 B/s, 5 s left')
  await screen.show(progress(11))
  assert.is(screen.take(), '', 'not more often than people see')
  screen.at(150)
  await screen.show(progress(12, 's-2'))
  const drawn = screen.take()
  assert.ok(drawn.startsWith(ERASE))
  assert.is(stripVTControlCharacters(drawn).trim().length, 59)
  assert.match(drawn, /…/)
  screen.notice('lost')
  assert.match(screen.take(), `${ERASE}lost\n\x1b[2mwipe/s-1`)
  await screen.show(stepEnd('s-1'))
  const ended = screen.take()
  assert.ok(ended.startsWith(ERASE))
  assert.match(ended, /passed.*\n.*wipe\/s-2: 12.0 %/)
  assert.not.match(ended, 'wipe/s-1: 1')
  screen.dispose()
  assert.is(screen.take(), ERASE, 'nothing of it is left')
  const unsized = show({ isTTY: true, columns: 0 })
  await unsized.show(progress(10))
  assert.match(unsized.take(), 'wipe/s-1: 10.0 %')
})

test('colours on a terminal only, and not where NO_COLOR is set', async () => {
  const failed = event({ kind: 'task.end', task: 'wipe', verdict: 'failed', reason: 'no', seconds: 12 })
  const terminal = show({ isTTY: true })
  await terminal.show(failed)
  const coloured = terminal.take()
  assert.match(coloured, '\x1b[31mFAILED\x1b[39m')
  assert.is(stripVTControlCharacters(coloured), `${formatEvent(failed)}\n`)
  const pipe = show()
  await pipe.show(failed)
  assert.is(pipe.take(), '10:20:30 wipe: FAILED in 12 s (no)\n')
  process.env.NO_COLOR = '1'
  const plain = show({ isTTY: true })
  delete process.env.NO_COLOR
  await plain.show(failed)
  assert.is(plain.take(), '10:20:30 wipe: FAILED in 12 s (no)\n')
  const json = show({ isTTY: true, json: true })
  await json.show(failed, { line: '{"a":"\x9b2J"}' })
  const raw = json.take()
  assert.not.match(raw, '\x9b')
  assert.equal(JSON.parse(raw), { a: '\x9b2J' })
  await json.show(failed, { line: '{"as":"sent"}' })
  assert.is(json.take(), '{"as":"sent"}\n')
})

test('verdicts and levels have their colours, and no event can bring its own', () => {
  const code = (body: EventBody) => /\[(3\d)m/.exec(colourEvent(event(body)))?.[1]
  const log = (level: 'debug' | 'info' | 'warning' | 'error'): EventBody => ({
    kind: 'log',
    level,
    message: 'm',
  })
  assert.equal(
    [
      code(jobEnd('passed')),
      code(jobEnd('failed')),
      code(jobEnd('unknown')),
      code(log('error')),
      code(log('warning')),
    ],
    ['32', '31', '33', '31', '33'],
  )
  assert.is(code(log('info')), undefined)
  const evil = colourEvent(event({ kind: 'log', level: 'error', message: 'a\x1b[2Jb', task: '\x1b]0;t\x07' }))
  assert.match(evil, 'a\\x1b[2Jb')
  assert.not.match(evil, '\x1b[2J')
  assert.not.match(evil, '\x1b]0')
})

test.before(() => {
  for (const name of ['FORCE_COLOR', 'NO_COLOR', 'NODE_DISABLE_COLORS']) delete process.env[name]
})

test.run()
