import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { InputError } from '../../src/errors.ts'
import { readHolder, takeLock } from '../../src/runtime/lock.ts'
import { RUN_DIR } from '../../src/runtime/paths.ts'
import { temporaryDir } from './helpers/temporary.ts'

/** State and start, fields 3 and 22 of proc_pid_stat(5). */
function statOf(pid: number): { state: string; start: string } {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { state: fields[0] ?? '', start: fields[19] ?? '' }
}

function refusal(path: string): InputError | undefined {
  try {
    takeLock(path)
  } catch (error) {
    assert.instance(error, InputError)
    return error as InputError
  }
  return undefined
}

/** A process that never waits for its child, so that a dead one stays there; both end with the work. */
async function withChild(work: (pid: number, lock: string) => Promise<void>): Promise<void> {
  const script = 'sleep 60 & echo $!; exec sleep 60'
  const parent = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] })
  let pid = 0
  try {
    pid = Number(await new Promise<Buffer>((resolve) => parent.stdout.once('data', resolve)))
    assert.ok(pid > 1)
    const lock = join(temporaryDir(), 'lock')
    writeFileSync(lock, `${pid} ${statOf(pid).start}`)
    await work(pid, lock)
  } finally {
    if (pid > 1 && statOf(pid).state !== 'Z') process.kill(pid, 'SIGKILL')
    parent.kill('SIGKILL')
  }
}

test('a process that is there keeps its lock; dead and not waited for, it has ended', () =>
  withChild(async (pid, lock) => {
    assert.equal(readHolder(lock), { pid, alive: true })
    assert.match(refusal(lock)?.message ?? '', `at work already (process ${pid})`)
    process.kill(pid, 'SIGKILL')
    while (statOf(pid).state !== 'Z') await sleep(5)
    assert.equal(readHolder(lock), { pid, alive: false })
    assert.is(refusal(lock), undefined)
    assert.equal(readHolder(lock), { pid: process.pid, alive: true })
  }))

test('a stopped process is not an ended one', () =>
  withChild(async (pid, lock) => {
    process.kill(pid, 'SIGSTOP')
    while (statOf(pid).state !== 'T') await sleep(5)
    assert.equal(readHolder(lock), { pid, alive: true })
    assert.ok(refusal(lock))
  }))

test('the hint leads to the job that is at work', () =>
  withChild(async (_, lock) => {
    const dir = lock.slice(0, -'/lock'.length)
    assert.not.equal(dir, RUN_DIR)
    assert.is(refusal(lock)?.hint, `speediso status --run-dir ${dir} shows it`)
  }))

test.run()
