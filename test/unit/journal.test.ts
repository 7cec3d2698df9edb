import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Event } from '../../src/runtime/events.ts'
import { journalFields } from '../../src/runtime/sinks/journal.ts'
import type { Exec } from '../../src/system/exec.ts'
import { createExec } from '../../src/system/exec.ts'
import { openDatagrams } from '../../src/system/journal/datagram.ts'
import { ENTRY_LIMIT, encodeEntry } from '../../src/system/journal/entry.ts'
import { openJournal, openLogger } from '../../src/system/journal/journal.ts'
import { createMachineRoot } from '../../src/system/machine-root.ts'
import { temporaryDir } from './helpers/temporary.ts'

const RECEIVER = join(import.meta.dirname, 'helpers/receive-datagrams.ts')

/** Another process that is the journal's socket in a tree of the test's; `lines()` are its datagrams, in base64. */
async function receiver(dir: string) {
  const path = join(dir, 'run/systemd/journal/socket')
  mkdirSync(join(dir, 'run/systemd/journal'), { recursive: true })
  rmSync(path, { force: true })
  const child = spawn(process.execPath, ['--no-warnings', RECEIVER, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  while (!said.startsWith('ready\n')) await once(child.stdout, 'data')
  const datagrams = () =>
    said
      .split('\n')
      .slice(1, -1)
      .map((line) => Buffer.from(line, 'base64').toString())
  return {
    path,
    datagrams,
    async until(count: number) {
      while (datagrams().length < count) await once(child.stdout, 'data')
      return datagrams()
    },
    async [Symbol.asyncDispose]() {
      child.kill()
      await once(child, 'close')
    },
  }
}

test('the native protocol, byte by byte', () => {
  assert.is(
    encodeEntry({ MESSAGE: 'a=b', PRIORITY: 6, NONE: undefined, EMPTY: '' }).toString(),
    'MESSAGE=a=b\nPRIORITY=6\n',
  )
  assert.equal(
    encodeEntry({ MESSAGE: 'two\nlines', X: 'y' }),
    Buffer.concat([
      Buffer.from('MESSAGE\n'),
      Buffer.from([9, 0, 0, 0, 0, 0, 0, 0]),
      Buffer.from('two\nlines\nX=y\n'),
    ]),
  )
})

test('an entry that is too large has its long fields cut, and says so', () => {
  const entry = encodeEntry({ MESSAGE: 'short', SPEEDISO_EVIDENCE: 'x'.repeat(ENTRY_LIMIT) })
  assert.ok(entry.length < ENTRY_LIMIT)
  assert.match(entry.toString(), /^MESSAGE=short\nSPEEDISO_EVIDENCE=x+… \(cut\)\n$/)
})

test('entries reach a real socket; one that is restarted is found again; one that is gone costs nothing', async () => {
  const dir = temporaryDir()
  const root = createMachineRoot(dir)
  const first = await receiver(dir)
  await using journal = await openJournal(root, createExec())
  assert.ok(journal !== undefined)
  journal.write({ MESSAGE: 'one' })
  journal.write({ MESSAGE: 'x'.repeat(ENTRY_LIMIT - 100) })
  const [one, large] = await first.until(2)
  assert.is(one, 'MESSAGE=one\n')
  assert.is(large?.length, ENTRY_LIMIT - 100 + 'MESSAGE=\n'.length)
  await first[Symbol.asyncDispose]()
  journal.write({ MESSAGE: 'to nobody' })
  assert.is(journal.lost, 1)
  await using second = await receiver(dir)
  journal.write({ MESSAGE: 'two' })
  assert.equal(await second.until(1), ['MESSAGE=two\n'])
  assert.is(journal.lost, 1)
})

test('a receiver that does not read is not waited for', async () => {
  const dir = temporaryDir()
  await using stopped = await receiver(dir)
  const datagrams = await openDatagrams(stopped.path)
  assert.ok(datagrams !== undefined)
  using _ = datagrams
  let taken = 0
  // The receiver has no turn in between: what its queue does not hold is refused at once.
  while (taken < 1_000_000 && datagrams.send(Buffer.alloc(60_000, 'x'))) taken += 1
  assert.ok(taken < 1_000_000, 'it was refused in the end')
})

test('without systemd there is no journal', async () => {
  assert.is(await openJournal(createMachineRoot(temporaryDir()), createExec()), undefined)
  assert.is(await openDatagrams('/nowhere/socket'), undefined)
  assert.is(await openDatagrams(`/${'x'.repeat(200)}`), undefined)
})

test('by logger: one process an entry, in order; a logger that fails is counted', async () => {
  const given: (string | undefined)[] = []
  const exec: Exec = async (file, args, options) => {
    assert.equal([file, ...args], ['logger', '--journald'])
    given.push(options?.input)
    if (given.length === 2) throw new Error('it failed')
    return { stdout: '', stderr: '', exitCode: 0 }
  }
  const journal = openLogger(exec)
  journal.write({ MESSAGE: 'two\nlines', PRIORITY: 3 })
  journal.write({ MESSAGE: 'b' })
  journal.write({ MESSAGE: 'c' })
  await journal[Symbol.asyncDispose]()
  assert.equal(given, ['MESSAGE=two lines\nPRIORITY=3\n', 'MESSAGE=b\n', 'MESSAGE=c\n'])
  assert.is(journal.lost, 1)
})

const event = (body: object): Event =>
  ({ seq: 7, time: '2026-01-02T03:04:05.000Z', host: 'h', ...body }) as Event

test('events as entries', () => {
  assert.equal(
    journalFields(
      event({
        kind: 'step.end',
        task: 'wipe',
        step: 's',
        verdict: 'failed',
        reason: 'no',
        seconds: 1,
        evidence: { a: 1 },
      }),
    ),
    {
      MESSAGE: 'wipe/s: failed in 1.00 s (no)',
      PRIORITY: 3,
      SYSLOG_IDENTIFIER: 'speediso',
      SPEEDISO_SEQ: 7,
      SPEEDISO_HOST: 'h',
      SPEEDISO_KIND: 'step.end',
      SPEEDISO_TASK: 'wipe',
      SPEEDISO_STEP: 's',
      SPEEDISO_VERDICT: 'failed',
      SPEEDISO_REASON: 'no',
      SPEEDISO_EVIDENCE: '{"a":1}',
    },
  )
  assert.is(journalFields(event({ kind: 'log', level: 'warning', message: 'm' }))?.PRIORITY, 4)
  assert.is(journalFields(event({ kind: 'job.end', verdict: 'unknown', after: 'stay' }))?.PRIORITY, 4)
  assert.is(journalFields(event({ kind: 'job.end', verdict: null, after: 'stay' }))?.PRIORITY, 6)
  assert.is(journalFields(event({ kind: 'reading', name: 'n', value: 5, unit: 'W' }))?.SPEEDISO_VALUE, '5')
  assert.is(
    journalFields(
      event({
        kind: 'step.progress',
        task: 't',
        step: 's',
        done: 1,
        total: 2,
        unit: 'b',
        rate: null,
        eta: null,
      }),
    ),
    undefined,
  )
})

test.run()
