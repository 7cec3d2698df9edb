import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { systemClock } from '../../src/system/clock.ts'
import { type DiskWorkDeps, runDiskWork } from '../../src/system/disk-io/run.ts'
import type { OverwriteRequest } from '../../src/system/disk-io/schema.ts'
import { createStartWorker, type StartWorker, type WorkerEvents } from '../../src/system/worker.ts'
import { speediso } from './helpers/program.ts'

const request: OverwriteRequest = {
  work: 'overwrite',
  path: '/dev/x',
  sizeBytes: 4096,
  sectorBytes: 512,
  pattern: { kind: 'zero' },
  from: 0,
}
const result = { writtenBytes: 4096, unwritten: [], unwrittenBytes: 0, retries: 0, seconds: 1 }
const end = (result: unknown) => ({ kind: 'end', end: { state: 'done', result } })
const gone = { code: 0, signal: null, stderr: '' }
const killed = { code: null, signal: 'SIGKILL', stderr: '' } as const

interface Fake {
  startWorker: StartWorker
  kinds: string[]
  kills: number
  abandoned: number
}

/** A worker that says what the script says; killed it ends, unless it hangs. */
function fake(script: (events: WorkerEvents) => void, hangs = false): Fake {
  const seen: Fake = {
    kinds: [],
    kills: 0,
    abandoned: 0,
    startWorker(kind, sent, events) {
      seen.kinds.push(kind)
      assert.equal(sent, request)
      setImmediate(() => script(events))
      return {
        pid: undefined,
        kill() {
          seen.kills += 1
          if (!hangs) setImmediate(() => events.exit(killed))
        },
        abandon() {
          seen.abandoned += 1
        },
      }
    },
  }
  return seen
}

function run(worker: { startWorker: StartWorker }, deps: Partial<DiskWorkDeps> = {}) {
  const signal = new AbortController().signal
  const base = { signal, clock: systemClock, stall: 60_000, progress() {} }
  return runDiskWork(request, { startWorker: worker.startWorker, ...base, ...deps })
}

test('progress, checkpoints and the result of a worker', async () => {
  const worker = fake(({ message, exit }) => {
    message({ kind: 'progress', done: 512, total: 4096, operations: 1 })
    message({ kind: 'checkpoint', written: 512, unwritten: [], unwrittenBytes: 0 })
    message({ kind: 'checkpoint', written: 1024, unwritten: [{ from: 512, to: 1024 }], unwrittenBytes: 512 })
    message(end(result))
    exit(gone)
  })
  const seen: unknown[] = []
  const ended = await run(worker, {
    progress: (done, total) => seen.push([done, total]),
    async checkpoint(written, unwritten, bytes) {
      // The first takes longer, and still comes first.
      await new Promise((resolve) => setTimeout(resolve, written === 512 ? 20 : 0))
      seen.push([written, unwritten, bytes])
    },
  })
  assert.equal(ended, { state: 'done', result })
  assert.equal(seen, [
    [512, 4096],
    [512, [], 0],
    [1024, [{ from: 512, to: 1024 }], 512],
  ])
  assert.equal(worker.kinds, ['--disk-worker'])
})

test('a worker that says that it is done without a result of this work is broken', async () => {
  for (const odd of [undefined, {}, { ...result, writtenBytes: -1 }, { placed: [], failed: [] }]) {
    const ended = await run(
      fake(({ message, exit }) => {
        message(end(odd))
        exit(gone)
      }),
    )
    assert.is(ended.state, 'broken')
  }
})

test('a worker that ends without its last word is broken, however it ended', async () => {
  for (const [exit, reason] of [
    [{ code: 0, signal: null, stderr: '' }, /exit code 0 before it was done$/],
    [
      { code: 1, signal: null, stderr: 'first\nTypeError: x\n' },
      /exit code 1 before it was done: TypeError: x$/,
    ],
    [{ code: null, signal: 'SIGSEGV', stderr: '' }, /ended by SIGSEGV before/],
    [
      { code: null, signal: null, stderr: 'spawn ENOMEM' },
      /could not be started before it was done: spawn ENOMEM/,
    ],
  ] as const) {
    const ended = await run(
      fake((events) => {
        for (const odd of [undefined, 7, { kind: 'end' }, { kind: 'end', end: { state: 'stalled' } }, {}]) {
          events.message(odd)
        }
        events.exit(exit)
      }),
    )
    assert.is(ended.state, 'broken')
    assert.match(ended.state === 'broken' ? ended.reason : '', reason)
  }
})

test('what the worker itself found', async () => {
  for (const own of [
    { state: 'gone', reason: '/dev/x has gone', at: 512 },
    { state: 'broken', reason: 'it is in use' },
  ]) {
    const ended = await run(
      fake(({ message, exit }) => {
        message({ kind: 'end', end: own })
        exit(gone)
      }),
    )
    assert.equal(ended, own)
  }
})

test('a disk that does nothing more is stalled, and its worker is killed', async () => {
  const worker = fake(({ message }) => message({ kind: 'progress', done: 512, total: 4096, operations: 1 }))
  const ended = await run(worker, { stall: 200 })
  assert.equal(ended, {
    state: 'stalled',
    reason: 'the disk has done nothing for 0.2 s',
    at: 512,
    killed: true,
  })
  assert.equal([worker.kills, worker.abandoned], [1, 0])
})

test('messages that tell of no movement do not keep it alive; failed operations do', async () => {
  let timer: NodeJS.Timeout | undefined
  const repeat = (operations: () => number) =>
    fake(({ message, exit }) => {
      let n = 0
      timer = setInterval(() => {
        n += 1
        message({ kind: 'progress', done: 512, total: 4096, operations: operations() })
        if (n < 60) return
        clearInterval(timer)
        message(end(result))
        exit(gone)
      }, 10)
    })
  assert.is(
    (
      await run(
        repeat(() => 1),
        { stall: 200 },
      )
    ).state,
    'stalled',
  )
  clearInterval(timer)
  let operations = 0
  const failing = repeat(() => {
    operations += 1
    return operations
  })
  assert.is((await run(failing, { stall: 200 })).state, 'done')
})

test('a clock that jumps, as after a sleep of the machine, is no stall', async () => {
  let jump = 0
  const clock = { now: () => 0, monotonic: () => performance.now() + jump }
  const worker = fake(({ message, exit }) => {
    jump = 3_600_000
    setTimeout(() => {
      message(end(result))
      exit(gone)
    }, 150)
  })
  assert.is((await run(worker, { stall: 2000, clock })).state, 'done')
})

test('a worker that cannot be killed is left behind', async () => {
  const worker = fake(() => {}, true)
  const ended = await run(worker, { stall: 50 })
  assert.equal([ended.state, ended.state === 'stalled' && ended.killed], ['stalled', false])
  assert.equal([worker.kills, worker.abandoned], [1, 1])
})

test('a result counts though the process of the worker does not end', async () => {
  const worker = fake(({ message }) => message(end(result)))
  assert.equal(await run(worker), { state: 'done', result })
  assert.is(worker.kills, 1)
})

test('cancelled: the worker is ended first, then it rejects with the reason', async () => {
  const controller = new AbortController()
  const worker = fake(() => controller.abort(new Error('enough')))
  const error = await run(worker, { signal: controller.signal }).catch((error: unknown) => error)
  assert.is((error as Error).message, 'enough')
  assert.is(worker.kills, 1)
})

test('cancelled before: nothing is started', async () => {
  const worker = fake(() => {})
  const error = await run(worker, { signal: AbortSignal.abort(new Error('enough')) }).catch((e: unknown) => e)
  assert.is((error as Error).message, 'enough')
  assert.equal(worker.kinds, [])
})

test('a checkpoint that cannot be kept ends the work', async () => {
  const worker = fake(({ message }) =>
    message({ kind: 'checkpoint', written: 512, unwritten: [], unwrittenBytes: 0 }),
  )
  const error = await run(worker, {
    checkpoint: () => Promise.reject(new Error('the journal cannot be written')),
  }).catch((e: unknown) => e)
  assert.is((error as Error).message, 'the journal cannot be written')
  assert.is(worker.kills, 1)
})

test('a request that is none starts nothing', async () => {
  const worker = fake(() => {})
  const deps = {
    ...worker,
    signal: new AbortController().signal,
    clock: systemClock,
    stall: 1000,
    progress() {},
  }
  const error = await runDiskWork({ ...request, sizeBytes: -1 }, deps).catch((e: unknown) => e)
  assert.instance(error, Error)
  assert.equal(worker.kinds, [])
})

test('a program that is not there, and one that is no worker', async () => {
  const none = await run({ startWorker: createStartWorker(['/no/such/program']) })
  assert.match(none.state === 'broken' ? none.reason : '', /could not be started .*ENOENT/)
  const other = await run({
    startWorker: createStartWorker(['/bin/sh', '-c', 'echo "{}"; echo no >&2; exit 3']),
  })
  assert.match(other.state === 'broken' ? other.reason : '', /exit code 3 .*: no$/)
})

test('the hidden argument alone does nothing', async () => {
  const { code, stdout } = await speediso(['--disk-worker'])
  assert.equal([code, stdout], [2, ''])
})

test.run()
