import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { InputError } from '../../src/errors.ts'
import { LockedError, readHolder, takeLock, waitForLock } from '../../src/runtime/lock.ts'
import { RUN_DIR } from '../../src/runtime/paths.ts'
import { temporaryDir } from './helpers/temporary.ts'

const PROGRAM = join(import.meta.dirname, 'helpers/lock-until-killed.ts')

/** State, field 3 of proc_pid_stat(5). */
function stateOf(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[0] ?? ''
}

async function refusal(path: string): Promise<LockedError | undefined> {
  try {
    await takeLock(path)
  } catch (error) {
    assert.instance(error, LockedError)
    assert.instance(error, InputError)
    return error as LockedError
  }
  return undefined
}

/**
 * A process that holds a lock, and whose parent never waits for it, so that a dead one stays there; both end with the work.
 */
async function withHolder(work: (pid: number, lock: string) => Promise<void>): Promise<void> {
  const lock = join(temporaryDir(), 'lock')
  const script = '"$1" --no-warnings "$2" "$3" & echo $!; exec sleep 60'
  const parent = spawn('sh', ['-c', script, 'sh', process.execPath, PROGRAM, lock], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let pid = 0
  try {
    let said = ''
    for await (const piece of parent.stdout) {
      said += piece
      pid = Number.parseInt(said, 10)
      if (said.split('\n').length > 2) break
    }
    assert.match(said, /^\d+\ntaken\n$/)
    await work(pid, lock)
  } finally {
    if (pid > 1 && stateOf(pid) !== 'Z') process.kill(pid, 'SIGKILL')
    parent.kill('SIGKILL')
  }
}

async function kill(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL')
  while (stateOf(pid) !== 'Z') await sleep(5)
}

test('a process that is there keeps its lock; dead and not waited for, it has ended', () =>
  withHolder(async (pid, lock) => {
    assert.equal(readHolder(lock), { pid, alive: true })
    assert.match((await refusal(lock))?.message ?? '', `at work already (process ${pid})`)
    await kill(pid)
    assert.equal(readHolder(lock), { pid, alive: false })
    assert.is(await refusal(lock), undefined)
    assert.equal(readHolder(lock), { pid: process.pid, alive: true })
    // What is this process's own is no hindrance to it.
    assert.is(await refusal(lock), undefined)
  }))

test('a stopped process is not an ended one', () =>
  withHolder(async (pid, lock) => {
    process.kill(pid, 'SIGSTOP')
    while (stateOf(pid) !== 'T') await sleep(5)
    assert.equal(readHolder(lock), { pid, alive: true })
    assert.ok(await refusal(lock))
  }))

test('the hint leads to the job that is at work', () =>
  withHolder(async (_, lock) => {
    const dir = lock.slice(0, -'/lock'.length)
    assert.not.equal(dir, RUN_DIR)
    assert.is((await refusal(lock))?.hint, `speediso status --run-dir ${dir} shows it`)
  }))

test('the text tells who it is, and nothing else: who holds it decides', async () => {
  await withHolder(async (pid, lock) => {
    const text = readFileSync(lock, 'utf8')
    // As one that has begun to take it over would leave it, before its own words are there.
    for (const stale of ['', '1 1', `${process.pid} 1`]) {
      writeFileSync(lock, stale)
      assert.is((await refusal(lock))?.message, 'speediso is at work already', stale)
    }
    writeFileSync(lock, text)
    assert.match((await refusal(lock))?.message ?? '', `process ${pid}`)
  })
  const free = join(temporaryDir(), 'lock')
  writeFileSync(
    free,
    readFileSync('/proc/1/stat', 'utf8').replace(/^(\d+) .*\) (?:\S+ ){19}(\S+) .*$/s, '$1 $2'),
  )
  assert.equal(readHolder(free), { pid: 1, alive: true })
  assert.is(await refusal(free), undefined)
})

test('of several that find the same lock of a dead one at once, one gets it', async () => {
  const lock = join(temporaryDir(), 'lock')
  writeFileSync(lock, '1 1')
  const all = Array.from({ length: 4 }, () =>
    spawn(process.execPath, ['--no-warnings', PROGRAM, lock, 'line'], { stdio: ['pipe', 'pipe', 'inherit'] }),
  )
  try {
    const answers = all.map(
      (child) => new Promise<string>((resolve) => child.stdout.once('data', (text) => resolve(`${text}`))),
    )
    for (const child of all) child.stdin.write('go\n')
    const said = await Promise.all(answers)
    assert.equal(said.filter((each) => each === 'taken\n').length, 1, said.join())
    assert.equal(said.filter((each) => each.includes('at work already')).length, 3)
  } finally {
    for (const child of all) child.kill('SIGKILL')
  }
})

test('given back, it is for the next one, and its number is nobody else’s to close', async () => {
  const lock = join(temporaryDir(), 'lock')
  const own = await takeLock(lock)
  own[Symbol.dispose]()
  assert.is(readHolder(lock), undefined)
  const next = await takeLock(lock)
  own[Symbol.dispose]()
  assert.equal(readHolder(lock), { pid: process.pid, alive: true })
  next[Symbol.dispose]()
})

test('waiting: until the other one has ended, or for as long as it is wanted', async () => {
  await withHolder(async (pid, lock) => {
    const stop = new AbortController()
    const given = waitForLock(lock, stop.signal).catch((error: unknown) => error)
    stop.abort()
    assert.instance(await given, LockedError)
    const waiting = waitForLock(lock, new AbortController().signal)
    await kill(pid)
    using _ = await waiting
    assert.equal(readHolder(lock), { pid: process.pid, alive: true })
  })
})

test.run()
