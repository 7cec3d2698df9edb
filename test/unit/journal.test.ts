import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ToolMissingError } from '../../src/errors.ts'
import { openEventLog } from '../../src/runtime/event-log.ts'
import type { Event } from '../../src/runtime/events.ts'
import { journalFields, openJournalSink } from '../../src/runtime/sinks/journal.ts'
import { systemClock } from '../../src/system/clock.ts'
import type { Exec } from '../../src/system/exec.ts'
import { encodeEntry, fitEntry, type JournalFields } from '../../src/system/journal/entry.ts'
import { type JournalDependencies, openJournal } from '../../src/system/journal/journal.ts'
import { createMachineRoot } from '../../src/system/machine-root.ts'
import { bindDatagramReceiver } from './helpers/datagram-receiver.ts'
import { temporaryDir } from './helpers/temporary.ts'

const base = temporaryDir()
const noExec: Exec = () => Promise.reject(new Error('no program is run'))
const never = new AbortController().signal
let machines = 0

/** A machine with a journal socket, or what there should be in its place. */
function machine(receiver = true) {
  machines += 1
  const dir = join(base, String(machines))
  mkdirSync(join(dir, 'run/systemd/journal'), { recursive: true })
  const path = join(dir, 'run/systemd/journal/socket')
  return { root: createMachineRoot(dir), path, journal: receiver ? bindDatagramReceiver(path) : undefined }
}

function eventLog() {
  machines += 1
  return openEventLog(join(base, `${machines}.ndjson`), 'host-1', systemClock)
}

/** Reads an entry as the protocol's own description says. */
function decodeEntry(bytes: Buffer): JournalFields {
  const fields: Record<string, string> = {}
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0x0a, at)
    const line = bytes.subarray(at, end)
    const equals = line.indexOf('=')
    if (equals >= 0) {
      fields[line.toString('utf8', 0, equals)] = line.toString('utf8', equals + 1)
      at = end + 1
    } else {
      const size = Number(bytes.readBigUInt64LE(end + 1))
      fields[line.toString()] = bytes.toString('utf8', end + 9, end + 9 + size)
      assert.is(bytes[end + 9 + size], 0x0a)
      at = end + 10 + size
    }
  }
  return fields
}

test('the wire format, byte by byte', () => {
  assert.equal(encodeEntry({ MESSAGE: 'a=b', PRIORITY: '6' }), Buffer.from('MESSAGE=a=b\nPRIORITY=6\n'))
  assert.equal(
    encodeEntry({ A: '', MESSAGE: 'ä\nb', B: '1' }),
    Buffer.from('A=\nMESSAGE\n\x04\0\0\0\0\0\0\0\xc3\xa4\nb\nB=1\n', 'latin1'),
  )
})

test('property: any text comes out as it went in', () => {
  const text = fc.string({ unit: 'grapheme' }).map((value) => value.replaceAll('x', '\n'))
  fc.assert(
    fc.property(fc.dictionary(fc.stringMatching(/^[A-Z][A-Z_]{0,9}$/), text), (fields) => {
      assert.equal(decodeEntry(encodeEntry(fields)), { ...fields })
    }),
  )
})

test('property: an entry is within its limit, whole characters only, and says what was left out', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 3000, maxLength: 9000 }), (MESSAGE) => {
      const fields = { MESSAGE, PRIORITY: '6', SPEEDISO_TASK: 'wipe' }
      const fitted = fitEntry(fields, 2048)
      assert.ok(encodeEntry(fitted).length <= 2048)
      const [, kept] = /^(.*)… \(\d+ bytes left out\)$/s.exec(fitted.MESSAGE ?? '') ?? []
      assert.ok(kept !== undefined && MESSAGE.startsWith(kept))
      assert.is(fitted.SPEEDISO_TASK, 'wipe')
    }),
    { numRuns: 20 },
  )
  assert.is(fitEntry({ MESSAGE: 'short' }, 2048).MESSAGE, 'short')
})

test('the fields of events', () => {
  const stamp = { seq: 7, time: '2026-01-02T03:04:05.678Z', host: 'h' }
  const end: Event = {
    ...stamp,
    kind: 'step.end',
    task: 'wipe',
    step: 'sda',
    verdict: 'failed',
    reason: 'r',
    seconds: 2,
    evidence: { secret: 1 },
  }
  assert.equal(journalFields(end), {
    MESSAGE: 'wipe/sda: failed in 2.00 s (r)',
    PRIORITY: '3',
    SYSLOG_IDENTIFIER: 'speediso',
    SPEEDISO_SEQ: '7',
    SPEEDISO_TIME: stamp.time,
    SPEEDISO_HOST: 'h',
    SPEEDISO_KIND: 'step.end',
    SPEEDISO_TASK: 'wipe',
    SPEEDISO_STEP: 'sda',
    SPEEDISO_VERDICT: 'failed',
  })
  const reading = journalFields({ ...stamp, kind: 'reading', name: 'uptime', value: 3, unit: 's' })
  assert.equal(
    [reading?.SPEEDISO_NAME, reading?.SPEEDISO_VALUE, reading?.SPEEDISO_UNIT],
    ['uptime', '3', 's'],
  )
  const progress: Event = {
    ...stamp,
    kind: 'step.progress',
    task: 't',
    step: 's',
    done: 1,
    total: 2,
    unit: 'bytes',
    rate: null,
    eta: null,
  }
  assert.is(journalFields(progress), undefined)
  const priorities = (['debug', 'info', 'warning', 'error'] as const).map(
    (level) => journalFields({ ...stamp, kind: 'log', level, message: 'm' })?.PRIORITY,
  )
  assert.equal(priorities, ['7', '6', '4', '3'])
  const odd = journalFields({ ...stamp, kind: 'log', level: 'info', message: 'two\nlines\x1b[2J' })
  assert.is(odd?.MESSAGE, 'two\nlines\\x1b[2J')
})

test('events come to a real datagram socket, in order, none lost when it is full', async () => {
  const { root, journal } = machine()
  const events = eventLog()
  const opened = await openJournal({ root, exec: noExec })
  assert.ok(opened)
  assert.not(opened.slow)
  const sink = openJournalSink({ journal: opened, events })
  for (let i = 0; i < 500; i += 1) events.append({ kind: 'log', level: 'info', message: `line\n${i}` })
  // Nobody reads yet: the socket takes a few, the rest waits in the file.
  await sleep(50)
  const seen: string[] = []
  while (seen.length < 500) {
    for (let next = journal?.receive(); next !== undefined; next = journal?.receive())
      seen.push(decodeEntry(next).MESSAGE ?? '')
    await sleep(5)
  }
  assert.equal(
    seen,
    Array.from({ length: 500 }, (_, i) => `line\n${i}`),
  )
  await sink.finish()
  journal?.[Symbol.dispose]()
})

test('an entry too large for a datagram is cut', async () => {
  const { root, journal } = machine()
  const events = eventLog()
  const opened = await openJournal({ root, exec: noExec })
  assert.ok(opened)
  const sink = openJournalSink({ journal: opened, events })
  events.append({ kind: 'log', level: 'info', message: 'x'.repeat(3_000_000) })
  events.append({ kind: 'log', level: 'info', message: 'after it' })
  await sink.finish()
  const [large, after] = [journal?.receive(), journal?.receive()].map((data) =>
    decodeEntry(data ?? Buffer.alloc(0)),
  )
  assert.match(large?.MESSAGE ?? '', /^x+… \(\d+ bytes left out\)$/)
  assert.is(large?.SPEEDISO_SEQ, '1')
  assert.is(after?.MESSAGE, 'after it')
  journal?.[Symbol.dispose]()
})

test('a kernel that takes no large datagram gets the entry smaller still', async () => {
  const { root, journal } = machine()
  const sizes: number[] = []
  const openSocket: NonNullable<JournalDependencies['openSocket']> = async () => ({
    send(data) {
      sizes.push(data.length)
      return data.length > 4096 ? 'too large' : 'sent'
    },
    [Symbol.dispose]() {},
  })
  const opened = await openJournal({ root, exec: noExec, openSocket })
  await opened?.write({ MESSAGE: 'x'.repeat(20_000) }, never)
  assert.is(sizes.length, 2)
  assert.ok((sizes[1] ?? 0) <= 2048)
  journal?.[Symbol.dispose]()
})

test('a journal that is restarted gets what comes then; one that does not read holds up nobody', async () => {
  const { root, path, journal } = machine()
  const events = eventLog()
  const opened = await openJournal({ root, exec: noExec })
  assert.ok(opened)
  const sink = openJournalSink({ journal: opened, events })
  events.append({ kind: 'log', level: 'info', message: 'first' })
  while (journal?.receive() === undefined) await sleep(5)
  journal?.[Symbol.dispose]()
  rmSync(path)
  events.append({ kind: 'log', level: 'info', message: 'while it is away' })
  await sleep(50)
  using again = bindDatagramReceiver(path)
  let next: Buffer | undefined
  while (next === undefined) {
    await sleep(5)
    next = again.receive()
  }
  assert.is(decodeEntry(next).MESSAGE, 'while it is away')
  for (let i = 0; i < 2000; i += 1) events.append({ kind: 'log', level: 'info', message: 'nobody reads' })
  await sink.finish()
})

test('no journal: no sink', async () => {
  const { root } = machine(false)
  assert.is(await openJournal({ root, exec: noExec }), undefined)
})

test('where Node cannot call C, logger gets the entries, one at a time', async () => {
  const { root, journal } = machine()
  const events = eventLog()
  const inputs: string[] = []
  let [running, most] = [0, 0]
  const exec: Exec = async (file, args, options) => {
    running += 1
    most = Math.max(most, running)
    await sleep(1)
    running -= 1
    inputs.push([file, ...args, options?.input].join(' '))
    return { stdout: '', stderr: '', exitCode: 0 }
  }
  const opened = await openJournal({ root, exec, openSocket: async () => undefined })
  assert.ok(opened?.slow)
  for (let i = 0; i < 1500; i += 1) events.append({ kind: 'log', level: 'info', message: `two\n${i}` })
  events.append({ kind: 'log', level: 'error', message: 'the error' })
  const sink = openJournalSink({ journal: opened, events })
  while (!inputs.some((input) => input.includes('the error'))) await sleep(5)
  await sink.finish()
  assert.is(most, 1)
  assert.match(inputs[0] ?? '', '500 events were left out here')
  assert.match(
    inputs[1] ?? '',
    /^logger --journald MESSAGE=two\\x0a500\nPRIORITY=6\nSYSLOG_IDENTIFIER=speediso\n/,
  )
  assert.is(inputs.length, 1 + 1000 + 1)
  journal?.[Symbol.dispose]()
})

test('a machine without logger is not asked again, and nothing is thrown', async () => {
  const { root, journal } = machine()
  let asked = 0
  const exec: Exec = () => {
    asked += 1
    return Promise.reject(new ToolMissingError('logger: not installed'))
  }
  const opened = await openJournal({ root, exec, openSocket: async () => undefined })
  for (let i = 0; i < 5; i += 1) await opened?.write({ MESSAGE: 'm' }, never)
  assert.is(asked, 1)
  journal?.[Symbol.dispose]()
})

test.run()
