import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createExec } from '../../src/system/exec.ts'
import { loopDevice } from './helpers/loop-device.ts'

const MIB = 2 ** 20
const exec = createExec()
const run = (file: string, ...args: string[]) => exec(file, args, { timeout: 30_000 })

/** A file system on which every program that wants to change something hangs in the kernel, until it is thawed. */
async function withFrozen(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'speediso-hangs-'))
  const at = join(dir, 'at')
  const undo: (() => Promise<unknown>)[] = []
  try {
    mkdirSync(at)
    using loop = loopDevice({ dir, sizeBytes: 32 * MIB })
    try {
      await run('mkfs.ext4', '-q', loop.path)
      await run('mount', loop.path, at)
      undo.push(() => run('umount', at))
      await run('fsfreeze', '--freeze', at)
      undo.push(() => run('fsfreeze', '--unfreeze', at))
      await work(at)
    } finally {
      for (const each of undo.toReversed()) await each()
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

const MODULES = JSON.stringify(join(import.meta.dirname, '../../src/system'))

/** Runs touch with a time limit in a process of its own, which has nothing else to do; what it got, when it has ended. */
async function touchIn(file: string): Promise<{ exitCode: number | null; got: Record<string, unknown> }> {
  const script = `
    const { createExec } = await import(${MODULES} + '/exec.ts')
    const { runToEnd, whyNot } = await import(${MODULES} + '/drive/command.ts')
    const file = process.argv[1]
    const failure = createExec()('touch', [file], { timeout: 300 }).catch(({ message, facts }) => ({ message, facts }))
    const cancelled = createExec()('touch', [file], { signal: AbortSignal.timeout(300) })
      .catch(({ facts }) => facts)
    const end = await runToEnd(createExec(), 'touch', [file], { timeout: 300 })
    console.log(JSON.stringify({ ...(await failure), cancelled: await cancelled, ended: end.ended, why: whyNot(end) }))`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  // Else a process that waits for ever would keep the file system frozen.
  const late = setTimeout(() => child.kill('SIGKILL'), 60_000)
  const said = await text(child.stdout)
  const exitCode = await ended
  clearTimeout(late)
  return { exitCode, got: JSON.parse(said || '{}') as Record<string, unknown> }
}

test('a program that the kernel holds is left behind, and does not keep this process either', () =>
  withFrozen(async (at) => {
    const file = join(at, 'new')
    const command = `touch ${file}`
    const { exitCode, got } = await touchIn(file)
    assert.is(exitCode, 0, 'the process has ended while its children still hang')
    assert.is(got.message, 'touch hangs in the kernel and cannot be ended')
    assert.equal(got.facts, { command, timedOut: true, hung: true })
    assert.equal(got.cancelled, { command, timedOut: false, hung: true })
    assert.is(got.ended, 'hung')
    assert.is(got.why, 'touch hangs in the kernel and cannot be ended')
    assert.not.ok(existsSync(file))
  }))

test('one that only does not heed SIGTERM has not hung', async () => {
  let facts: Record<string, unknown> = {}
  await exec('sh', ['-c', "trap '' TERM; while :; do sleep 1; done"], { timeout: 300 }).catch((error) => {
    facts = error.facts
  })
  assert.equal([facts.timedOut, facts.signal, facts.hung], [true, 'SIGKILL', undefined])
})

test('what has left the group and keeps the output open is not waited for either', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'speediso-hangs-'))
  const pidFile = join(dir, 'pid')
  try {
    let message = ''
    const script = 'setsid sh -c \'echo $$ > "$1"; exec sleep 60\' sh "$1" &'
    await exec('sh', ['-c', script, 'sh', pidFile], { timeout: 300 }).catch((error: Error) => {
      message = error.message
    })
    assert.match(message, /^sh has ended, but something that it started holds its output/)
  } finally {
    if (existsSync(pidFile)) process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGKILL')
    rmSync(dir, { recursive: true, force: true })
  }
})

test.run()
