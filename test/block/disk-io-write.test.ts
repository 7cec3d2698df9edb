import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, readFileSync, readSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fillKeystream } from '../../src/system/disk-io/keystream.ts'
import { runDiskWork } from '../../src/system/disk-io/run.ts'
import { temporaryDir } from '../unit/helpers/temporary.ts'
import { diskOf, runs, workDeps } from './helpers/disk-work.ts'
import { type LoopOptions, loopDevice, memoryFolder } from './helpers/loop-device.ts'

const MIB = 2 ** 20
const SEED = 'fedcba9876543210'.repeat(4)
const dir = temporaryDir()
const zero = { kind: 'zero' } as const

const SIZES: Omit<LoopOptions, 'dir'>[] = [
  { sizeBytes: 512 },
  { sizeBytes: 4 * MIB },
  { sizeBytes: 13 * MIB + 3 * 512 },
  { sizeBytes: 21 * MIB + 512, direct: true },
  { sizeBytes: 4096, sectorBytes: 4096 },
  { sizeBytes: 9 * MIB + 5 * 4096, sectorBytes: 4096 },
  { sizeBytes: 17 * MIB + 4096, sectorBytes: 4096, direct: true },
]

test('every byte of a disk is written, zeros and random, whatever its size and its sectors', async () => {
  using memory = memoryFolder('64m')
  for (const where of [dir, memory.dir]) {
    for (const options of SIZES) {
      // Over files in memory the loop driver always goes through the cache.
      using loop = loopDevice({
        ...options,
        dir: where,
        fill: 0xaa,
        direct: options.direct === true && where === dir,
      })
      for (const pattern of [{ kind: 'random', seed: SEED } as const, zero]) {
        const expected = Buffer.alloc(loop.sizeBytes)
        if (pattern.kind === 'random') fillKeystream(SEED, 'pattern', 0, expected)
        const told: number[] = []
        const deps = workDeps({ checkpoint: (written) => void told.push(written) })
        const end = await runDiskWork({ work: 'overwrite', ...diskOf(loop), pattern, from: 0 }, deps)
        assert.is(end.state, 'done', JSON.stringify(end))
        if (end.state !== 'done') return
        assert.equal([end.result.writtenBytes, end.result.unwritten], [loop.sizeBytes, []])
        assert.is(told.at(-1), loop.sizeBytes)
        assert.ok(readFileSync(loop.file).equals(expected), `${pattern.kind} ${JSON.stringify(options)}`)
      }
    }
  }
})

test('from an offset only what follows is written', async () => {
  using loop = loopDevice({ dir, sizeBytes: 11 * MIB, fill: 0xaa })
  const from = 5 * MIB + 512
  const end = await runDiskWork({ work: 'overwrite', ...diskOf(loop), pattern: zero, from }, workDeps())
  assert.is(end.state === 'done' && end.result.writtenBytes, 11 * MIB - from)
  const data = readFileSync(loop.file)
  assert.ok(data.subarray(0, from).every((byte) => byte === 0xaa))
  assert.ok(data.subarray(from).every((byte) => byte === 0))
})

test('a disk of another size or with other sectors is refused, and nothing is written', async () => {
  using loop = loopDevice({ dir, sizeBytes: 8 * MIB, fill: 0xaa })
  const request = { work: 'overwrite', ...diskOf(loop), pattern: zero, from: 0 } as const
  for (const [odd, reason] of [
    [{ sizeBytes: 8 * MIB + 512 }, 'has 8388608 bytes, not 8389120'],
    [{ sizeBytes: 8 * MIB - 512 }, 'has 8388608 bytes, not 8388096'],
    [{ sectorBytes: 4096 }, 'sectors are of 512 bytes, not 4096'],
    [{ path: `${loop.path}-none` }, 'ENOENT'],
  ] as const) {
    const end = await runDiskWork({ ...request, ...odd }, workDeps())
    assert.is(end.state, 'gone')
    assert.match(end.state === 'gone' ? end.reason : '', reason)
  }
  assert.ok(readFileSync(loop.file).every((byte) => byte === 0xaa))
})

test('a disk that is in use, read-only or none is refused', async () => {
  using loop = loopDevice({ dir, sizeBytes: 8 * MIB })
  execFileSync('mkfs.ext4', ['-q', loop.path])
  const mountPoint = temporaryDir()
  const before = readFileSync(loop.file)
  execFileSync('mount', ['-o', 'ro', loop.path, mountPoint])
  const request = { work: 'overwrite', ...diskOf(loop), pattern: zero, from: 0 } as const
  try {
    const end = await runDiskWork(request, workDeps())
    assert.match(end.state === 'broken' ? end.reason : end.state, 'it is in use (EBUSY)')
    assert.ok(readFileSync(loop.file).equals(before))
  } finally {
    execFileSync('umount', [mountPoint])
  }
  assert.is((await runDiskWork(request, workDeps())).state, 'done', 'once it is not in use any more')

  using locked = loopDevice({ dir, sizeBytes: MIB, readOnly: true, fill: 1 })
  const refused = await runDiskWork({ ...request, ...diskOf(locked) }, workDeps())
  assert.match(refused.state === 'broken' ? refused.reason : refused.state, 'read-only')
  const none = await runDiskWork({ ...request, path: '/dev/null' }, workDeps())
  assert.is(none.state, 'broken')
})

test('what the disk refuses to take is listed', async () => {
  // A file that cannot grow: writes to what it does not hold yet fail, with an error of the kernel.
  using memory = memoryFolder('24m')
  using loop = loopDevice({ dir: memory.dir, sizeBytes: 48 * MIB })
  const end = await runDiskWork(
    { work: 'overwrite', ...diskOf(loop), pattern: { kind: 'random', seed: SEED }, from: 0 },
    workDeps(),
  )
  assert.is(end.state, 'done', JSON.stringify(end))
  if (end.state !== 'done') return
  const { unwritten, unwrittenBytes, writtenBytes, retries } = end.result
  assert.ok(unwrittenBytes >= 24 * MIB && unwrittenBytes < 30 * MIB, `${unwrittenBytes}`)
  assert.is(writtenBytes + unwrittenBytes, 48 * MIB)
  assert.ok(retries > 0)
  const expected = Buffer.alloc(48 * MIB)
  fillKeystream(SEED, 'pattern', 0, expected)
  const data = readFileSync(loop.file)
  for (const { from, to } of unwritten) data.copy(expected, from, from, to)
  assert.ok(data.equals(expected), 'all that is not listed is written')
})

test('a disk that shrinks under the work has gone', async () => {
  using memory = memoryFolder()
  using loop = loopDevice({ dir: memory.dir, sizeBytes: 1024 * MIB })
  let shrunk = false
  const deps = workDeps({
    progress(done) {
      if (shrunk || done === 0) return
      shrunk = true
      truncateSync(loop.file, 0)
      loop.resize()
    },
  })
  const end = await runDiskWork({ work: 'overwrite', ...diskOf(loop), pattern: zero, from: 0 }, deps)
  assert.is(end.state, 'gone', JSON.stringify(end))
  assert.match(end.state === 'gone' ? end.reason : '', /has \d+ bytes, not 1073741824/)
})

test('killed in the middle and resumed from its checkpoint it gives a whole disk', async () => {
  using memory = memoryFolder()
  using loop = loopDevice({ dir: memory.dir, sizeBytes: 1536 * MIB })
  const request = { work: 'overwrite', ...diskOf(loop), pattern: { kind: 'random', seed: SEED } } as const
  let reached = 0
  let paused = false
  const deps = workDeps({
    async progress(done) {
      const [pid = 0] = deps.pids
      if (paused || done === 0) return
      paused = true
      // Long enough for a flush to be due when it goes on.
      process.kill(pid, 'SIGSTOP')
      await sleep(5500)
      process.kill(pid, 'SIGCONT')
    },
    checkpoint(written) {
      if (reached === 0) process.kill(deps.pids[0] ?? 0, 'SIGKILL')
      reached = written
    },
  })
  const first = await runDiskWork({ ...request, from: 0 }, deps)
  assert.match(first.state === 'broken' ? first.reason : first.state, 'was ended by SIGKILL')
  assert.ok(reached > 0 && reached < loop.sizeBytes, `${reached}`)
  const second = await runDiskWork({ ...request, from: reached }, workDeps())
  assert.is(second.state === 'done' && second.result.writtenBytes, loop.sizeBytes - reached)
  const read = await runDiskWork(
    { work: 'read', ...diskOf(loop), expect: request.pattern, ranges: null, canaries: null },
    workDeps(),
  )
  assert.equal(read.state === 'done' && [read.result.mismatchedBytes, read.result.readBytes], [
    0,
    loop.sizeBytes,
  ])
})

test('a worker that stands still is killed, and the disk is free again', async () => {
  using memory = memoryFolder()
  using loop = loopDevice({ dir: memory.dir, sizeBytes: 1024 * MIB })
  const deps = workDeps({
    stall: 1000,
    progress: (done) => void (done > 0 && process.kill(deps.pids[0] ?? 0, 'SIGSTOP')),
  })
  const end = await runDiskWork({ work: 'overwrite', ...diskOf(loop), pattern: zero, from: 0 }, deps)
  assert.equal([end.state, end.state === 'stalled' && end.killed], ['stalled', true])
  assert.ok(end.state === 'stalled' && end.at > 0 && end.at < loop.sizeBytes)
  assert.not(runs(deps.pids[0] ?? 0))
  closeSync(openSync(loop.path, constants.O_RDWR | constants.O_EXCL))
})

test('cancelled work leaves no worker', async () => {
  using memory = memoryFolder()
  using loop = loopDevice({ dir: memory.dir, sizeBytes: 1024 * MIB })
  const controller = new AbortController()
  const deps = workDeps({
    signal: controller.signal,
    progress: (done) => void (done > 0 && controller.abort(new Error('enough'))),
  })
  const error = await runDiskWork({ work: 'overwrite', ...diskOf(loop), pattern: zero, from: 0 }, deps).catch(
    (error: unknown) => error,
  )
  assert.is((error as Error).message, 'enough')
  assert.not(runs(deps.pids[0] ?? 0))
})

test('a program that is killed leaves no worker behind', async () => {
  using memory = memoryFolder()
  using loop = loopDevice({ dir: memory.dir, sizeBytes: 1536 * MIB })
  const end = Buffer.alloc(MIB, 0xaa)
  const backing = openSync(loop.file, 'r+')
  writeSync(backing, end, 0, MIB, loop.sizeBytes - MIB)
  closeSync(backing)
  const script = join(import.meta.dirname, 'helpers/overwrite-until-killed.ts')
  const args = ['--no-warnings', script, loop.path, String(loop.sizeBytes)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string]
  const worker = Number(/^worker (\d+)\n$/.exec(line)?.[1])
  assert.ok(runs(worker), line)
  child.kill('SIGKILL')
  await once(child, 'exit')
  process.kill(worker, 'SIGCONT')
  // Its threads end one after another; the last one lets the disk go.
  for (let n = 0; !isFree(loop.path); n += 1) {
    assert.ok(n < 1000, 'the worker goes on')
    await sleep(10)
  }
  assert.not(runs(worker))
  const left = Buffer.alloc(MIB)
  const file = openSync(loop.file, 'r')
  readSync(file, left, 0, MIB, loop.sizeBytes - MIB)
  closeSync(file)
  assert.ok(left.equals(end), 'it has not gone on to the end')
})

function isFree(path: string): boolean {
  try {
    closeSync(openSync(path, constants.O_RDWR | constants.O_EXCL))
    return true
  } catch {
    return false
  }
}

test.run()
