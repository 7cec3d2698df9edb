import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CommandError } from '../../src/errors.ts'
import { commandEvidence, endedWell, runToEnd, whyNot } from '../../src/system/drive/command.ts'
import { type Look, watch } from '../../src/system/drive/watch.ts'
import { createExec, type Exec } from '../../src/system/exec.ts'
import { createFakeExec, createWorld } from './helpers/drive-world.ts'
import { createMemoryRoot } from './helpers/memory-root.ts'

test('real programs: exit codes, output, a missing one, a time limit, a cancel', async () => {
  const exec = createExec()
  const node = process.execPath
  const print = await runToEnd(
    exec,
    node,
    ['-e', 'console.log(1); console.error("no: 2"); process.exit(22)'],
    {
      timeout: 20_000,
    },
  )
  assert.equal([print.ended, print.exitCode, print.stdout, print.stderr], ['exit', 22, '1\n', 'no: 2\n'])
  assert.is(endedWell(print), false)
  assert.match(whyNot(print), /ended with exit code 22: no: 2$/)
  assert.equal(commandEvidence(print).said, ['1', 'no: 2'])
  const missing = await runToEnd(exec, 'no-such-drive-tool', [], { timeout: 1000 })
  assert.is(missing.ended, 'missing')
  assert.is(whyNot(missing), 'no-such-drive-tool is not installed')
  const sleeping = ['-e', 'setTimeout(() => {}, 60000)']
  assert.is((await runToEnd(exec, node, sleeping, { timeout: 300 })).ended, 'timeout')
  const cancel = new AbortController()
  const running = runToEnd(exec, node, sleeping, { timeout: 20_000, signal: cancel.signal })
  cancel.abort()
  assert.is((await running).ended, 'cancelled')
})

test('a program that the kernel holds is told from one that took too long or was cancelled', async () => {
  const endOf = async (facts: Record<string, unknown>, signal?: AbortSignal) => {
    const ends: Exec = async () => {
      throw new CommandError('it did not end well', { facts })
    }
    return runToEnd(ends, 'hdparm', ['-I'], { timeout: 5, signal })
  }
  const hung = await endOf({ timedOut: true, hung: true })
  assert.is(hung.ended, 'hung')
  assert.is(whyNot(hung), 'hdparm hangs in the kernel and cannot be ended')
  assert.is((await endOf({ timedOut: false, hung: true }, AbortSignal.abort())).ended, 'hung')
  assert.is((await endOf({ timedOut: true })).ended, 'timeout')
  assert.is((await endOf({ timedOut: false }, AbortSignal.abort())).ended, 'cancelled')
  assert.is((await endOf({ timedOut: false })).ended, 'killed')
})

test('a mistake in the program is not taken for what a drive says', async () => {
  const broken: Exec = async () => {
    throw new TypeError('mistake')
  }
  let thrown: unknown
  await runToEnd(broken, 'x', [], { timeout: 10 }).catch((error: unknown) => {
    thrown = error
  })
  assert.instance(thrown, TypeError)
})

const world = (stallLimit = 10_000) => {
  const exec = createFakeExec(() => undefined)
  return createWorld(exec, createMemoryRoot('/recording'), { stallLimit })
}

function* series<T>(...items: [T, number][]): Generator<T, T> {
  for (const [item, count] of items) for (let at = 0; at < count; at++) yield item
  return items.at(-1)?.[0] as T
}

const run = (progress: number | null): Look<string> => ({
  at: 'running',
  progress,
  percent: null,
  says: 'at it',
})
const UNREADABLE: Look<string> = { at: 'unreadable', says: 'silence' }
const END: Look<string> = { at: 'ended', end: 'over', says: 'over' }

async function watchAll(looks: Iterator<Look<string>>, { deps }: ReturnType<typeof world>) {
  let last: Look<string> | undefined
  return watch(async () => {
    last = looks.next().value ?? last
    if (last === undefined) throw new Error('no look')
    return last
  }, deps)
}

test('progress that moves is waited for without a limit; one that stands still is not', async () => {
  const moving: [Look<string>, number][] = Array.from({ length: 500 }, (_, at) => [run(at), 1])
  const end = await watchAll(series(...moving, [END, 1]), world())
  assert.equal([end.how, end.seen.running], ['ended', true])
  assert.is((await watchAll(series([run(5), 10_000]), world())).how, 'stalled')
})

test('a drive that is away for less than the stall limit is waited for', async () => {
  const short = await watchAll(series([run(1), 3], [UNREADABLE, 5], [run(2), 1], [END, 1]), world(30_000))
  assert.is(short.how, 'ended')
  const long = await watchAll(series([run(1), 3], [UNREADABLE, 10_000]), world(30_000))
  assert.is(long.how, 'stalled')
})

test('what changes is told once, not each look', async () => {
  const here = world(100_000)
  await watchAll(series([run(1), 4], [run(2), 4], [UNREADABLE, 3], [run(3), 3], [END, 1]), here)
  assert.equal(
    here.log.map((line) => line.split(' ').slice(0, 5).join(' ')),
    [
      'info: the drive is running:',
      'warning: the drive is unreadable:',
      'info: the drive is running:',
      'info: the drive is ended:',
    ],
  )
})

test('something that may still begin gets some looks, then counts', async () => {
  const settling: Look<string> = { at: 'settling', end: 'untouched', says: 'nothing' }
  const end = await watchAll(series([settling, 1000]), world())
  assert.is(end.how === 'ended' && end.end, 'untouched')
  assert.ok(end.seen.looks > 3 && end.seen.looks < 20)
  const late = await watchAll(series([settling, 2], [run(1), 2], [END, 1]), world())
  assert.is(late.how === 'ended' && late.end, 'over')
})

test.run()
