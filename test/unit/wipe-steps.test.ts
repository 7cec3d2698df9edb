import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { StepContext } from '../../src/runtime/task.ts'
import type { OverwriteRequest, Range, ReadResult } from '../../src/system/disk-io/schema.ts'
import type { StartWorker } from '../../src/system/worker.ts'
import { difference } from '../../tasks/wipe/identify.ts'
import { openRecord } from '../../tasks/wipe/journal.ts'
import { judge, type VerifyFacts } from '../../tasks/wipe/judge.ts'
import type { DiskId } from '../../tasks/wipe/schema.ts'
import { overwrite } from '../../tasks/wipe/steps/overwrite.ts'
import { context } from './helpers/tasks.ts'
import { temporaryDir } from './helpers/temporary.ts'

const disk: DiskId = {
  name: 'sdx',
  path: '/dev/sdx',
  dev: '8:16',
  serial: 'S1',
  wwn: '0x5000c500a1b2c3d4',
  transport: 'sata',
  sizeBytes: 1_048_576,
  sectorBytes: 512,
  rotational: true,
}

interface Run {
  /** Bytes written for certain before it ends. */
  until: number
  unwritten?: Range[]
  /** How the worker ends; by default it is done. */
  dies?: true
}

/** Workers that write as the script says, one run after another. */
function workers(runs: Run[]): { startWorker: StartWorker; requests: OverwriteRequest[] } {
  const requests: OverwriteRequest[] = []
  return {
    requests,
    startWorker(_kind, request, { message, exit }) {
      const asked = request as OverwriteRequest
      const run = runs[requests.length]
      requests.push(asked)
      if (run === undefined) throw new Error('one run too many')
      const { until, unwritten = [], dies } = run
      const unwrittenBytes = unwritten.reduce((sum, { from, to }) => sum + to - from, 0)
      setImmediate(() => {
        message({ kind: 'checkpoint', written: until, unwritten, unwrittenBytes })
        const result = {
          writtenBytes: until - asked.from - unwrittenBytes,
          unwritten,
          unwrittenBytes,
          retries: 0,
          seconds: 1,
        }
        if (dies === undefined) message({ kind: 'end', end: { state: 'done', result } })
        exit({ code: dies ? null : 0, signal: dies ? 'SIGKILL' : null, stderr: '' })
      })
      return { pid: undefined, kill() {}, abandon() {} }
    },
  }
}

async function write(
  dir: string,
  runs: Run[],
  options: { passes?: number; pattern?: 'zero' | 'random' } = {},
) {
  const { startWorker, requests } = workers(runs)
  const voice = { log() {}, progress() {}, reading() {} }
  const ctx: StepContext = { ...context({ startWorker, stateDir: dir }), voice }
  const record = await openRecord(dir, disk)
  record.data.erase ??= {
    method: 'overwrite',
    level: 'clear',
    stated: true,
    passes: options.passes ?? 1,
    started: '2026-01-01T00:00:00.000Z',
    pass: 0,
    patternSeed: null,
    written: 0,
    unwritten: [],
    unwrittenBytes: 0,
    spent: 0,
    ended: null,
  }
  const outcome = await overwrite(
    disk,
    record,
    { passes: 1, pattern: 'zero', stall: 60_000, ...options },
    ctx,
  )
  return { outcome, requests, journal: (await openRecord(dir, disk)).data }
}

const MIB = 1_048_576
const hole = { from: 4096, to: 8192 }

test('a sector that an earlier process could not write is not forgotten by the one that goes on', async () => {
  const dir = temporaryDir()
  const first = await write(dir, [{ until: MIB / 2, unwritten: [hole], dies: true }])
  assert.is(first.outcome.verdict, 'failed')
  assert.is(first.journal.erase?.written, MIB / 2)
  const second = await write(dir, [{ until: MIB }])
  assert.is(second.requests[0]?.from, MIB / 2)
  assert.is(second.outcome.verdict, 'failed')
  assert.equal(second.outcome.evidence.unwritten, [hole])
  assert.match(second.outcome.reason ?? '', 'destroy this disk')
})

test('negative control: without such a sector the same run passes', async () => {
  const dir = temporaryDir()
  await write(dir, [{ until: MIB / 2, dies: true }])
  const { outcome } = await write(dir, [{ until: MIB }])
  assert.is(outcome.verdict, 'passed')
  assert.is(outcome.evidence.resumed, true)
})

test('a sector that only the first of two passes left out stays left out', async () => {
  const { outcome } = await write(temporaryDir(), [{ until: MIB, unwritten: [hole] }, { until: MIB }], {
    passes: 2,
  })
  assert.is(outcome.verdict, 'failed')
  assert.is(outcome.evidence.unwrittenBytes, 4096)
})

test('a random pass goes on with its seed; the next pass has another', async () => {
  const dir = temporaryDir()
  const random = { passes: 2, pattern: 'random' } as const
  const first = await write(dir, [{ until: MIB / 2, dies: true }], random)
  const seed = first.journal.erase?.patternSeed
  const { requests, outcome } = await write(dir, [{ until: MIB }, { until: MIB }], random)
  const seeds = requests.map(({ pattern }) => (pattern.kind === 'random' ? pattern.seed : 'zero'))
  assert.is(seeds[0], seed)
  assert.is.not(seeds[1], seed)
  assert.is(outcome.evidence.seed, seeds[1], 'the last one is what is read back')
})

test('the journal of another disk, or a damaged one, is not taken for this one', async () => {
  const dir = temporaryDir()
  const mine = await openRecord(dir, disk)
  mine.data.canaries = [4096]
  await mine.save()
  assert.equal((await openRecord(dir, disk)).data.canaries, [4096])
  for (const other of [
    { ...disk, serial: 'S2' },
    { ...disk, sizeBytes: 2 * MIB },
    { ...disk, wwn: '0x5000c500a1b2c3d5' },
  ]) {
    assert.ok(difference(disk, other))
    assert.equal((await openRecord(dir, other)).data.canaries, [])
  }
  const { wwn: _, ...nameless } = disk
  assert.equal((await openRecord(dir, nameless)).data.canaries, [])
  mine.data.current = { sizeBytes: 2 * MIB, sectorBytes: 512 }
  await mine.save()
  const grown = await openRecord(dir, { ...disk, sizeBytes: 2 * MIB })
  assert.equal(grown.data.canaries, [4096], 'its size was restored meanwhile')
  const path = join(dir, 'sdx.json')
  assert.ok(existsSync(path))
  writeFileSync(path, readFileSync(path, 'utf8').slice(0, -20))
  assert.equal((await openRecord(dir, disk)).data.canaries, [])
})

const clean: ReadResult = {
  readBytes: MIB,
  mismatches: [],
  mismatchedBytes: 0,
  unreadable: [],
  unreadableBytes: 0,
  canariesFound: [],
  canariesChecked: 128,
  uniform: 0,
  seconds: 1,
}
const facts = (read: Partial<ReadResult> = {}, more: Partial<VerifyFacts> = {}): VerifyFacts => ({
  mode: 'full',
  method: 'overwrite',
  sizeBytes: MIB,
  askedBytes: MIB,
  canaries: 128,
  read: { ...clean, ...read },
  ...more,
})
const firmware = { method: 'nvme-sanitize-block', mode: 'sample', askedBytes: MIB } as const

const judgements: [what: string, facts: VerifyFacts, verdict: string, reason?: RegExp][] = [
  ['all as written', facts(), 'passed'],
  [
    'a byte that was not written',
    facts({ mismatchedBytes: 512, mismatches: [{ from: 0, to: 512 }] }),
    'failed',
    /512 bytes/,
  ],
  ['a canary', facts({ canariesFound: [0] }), 'failed', /data of before/],
  ['a sector that cannot be read', facts({ unreadableBytes: 512 }), 'unknown', /cannot be read back/],
  ['not all was read', facts({ readBytes: MIB - 512 }), 'unknown', /only/],
  ['not all was asked for', facts({}, { askedBytes: MIB / 2 }), 'unknown', /looked at/],
  ['not verified', facts({}, { mode: 'none' }), 'unknown', /not verified/],
  ['firmware, all canaries gone', facts({}, firmware), 'passed'],
  ['firmware, one canary left', facts({ canariesFound: [8192] }, firmware), 'failed', /canaries/],
  [
    'firmware, too few canaries',
    facts({ canariesChecked: 63 }, { ...firmware, canaries: 63 }),
    'unknown',
    /63/,
  ],
  ['firmware, canaries not looked for', facts({ canariesChecked: 0 }, firmware), 'unknown', /0 canaries/],
  [
    'firmware, no canary',
    facts({ canariesChecked: 0 }, { ...firmware, canaries: 0 }),
    'unknown',
    /0 canaries/,
  ],
]
for (const [what, given, verdict, reason] of judgements) {
  test(`judged: ${what}: ${verdict}`, () => {
    const judged = judge(given)
    assert.is(judged.verdict, verdict)
    if (reason === undefined) assert.is(judged.reason, undefined)
    else assert.match(judged.reason ?? '', reason)
  })
}

test.run()
