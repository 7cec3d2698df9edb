import { existsSync, readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CommandError, explain, ToolMissingError } from '../../src/errors.ts'
import { createExec, quoteCommand } from '../../src/system/exec.ts'

const exec = createExec()
const rejects = async (work: Promise<unknown>) => {
  try {
    await work
  } catch (error) {
    return error
  }
  throw new Error('it did not reject')
}

test('output of a program', async () => {
  const { stdout, stderr, exitCode } = await exec('sh', ['-c', 'echo out; echo err >&2'])
  assert.equal([stdout, stderr, exitCode], ['out\n', 'err\n', 0])
})

test('input for a program, and none is an end of file', async () => {
  assert.is((await exec('cat', [], { input: 'hello' })).stdout, 'hello')
  assert.is((await exec('cat', [])).stdout, '')
})

test('a program that is not there', async () => {
  const error = await rejects(exec('no-such-tool', ['x']))
  assert.instance(error, ToolMissingError)
  assert.is((error as Error).message, 'no-such-tool: not installed')
})

test('an exit code other than 0 is an error with every fact', async () => {
  const error = await rejects(exec('sh', ['-c', 'echo first >&2; echo last >&2; exit 7']))
  assert.instance(error, CommandError)
  const { message, facts } = error as CommandError
  assert.is(message, 'sh ended with exit code 7: last')
  assert.is(facts.exitCode, 7)
  assert.is(facts.command, "sh -c 'echo first >&2; echo last >&2; exit 7'")
})

test('an exit code that is allowed is no error', async () => {
  assert.is((await exec('sh', ['-c', 'exit 4'], { okExitCodes: [4] })).exitCode, 4)
})

test('time limit, cancellation and signals are told apart', async () => {
  assert.match(
    explain(await rejects(exec('sleep', ['100'], { timeout: 20 }))),
    /^sleep did not end within 20 ms/,
  )
  assert.match(
    explain(await rejects(exec('sleep', ['100'], { signal: AbortSignal.timeout(20) }))),
    /^sleep was cancelled/,
  )
  assert.match(explain(await rejects(exec('sh', ['-c', 'kill -9 $$']))), /^sh was ended by SIGKILL/)
})

test('children of a program end with it, whether they heed its end or not', async () => {
  for (const script of [
    'sleep 1000 & echo $! >&2; wait',
    "trap '' TERM; sleep 1000 & echo $! >&2; exec sleep 1001",
  ]) {
    const error = (await rejects(exec('sh', ['-c', script], { timeout: 300 }))) as CommandError
    assert.match(error.message, 'did not end within 300 ms')
    assert.is(error.facts.hung, undefined, 'it heeds SIGKILL')
    const stat = `/proc/${String(error.facts.stderr).trim()}/stat`
    assert.ok(!existsSync(stat) || / Z /.test(readFileSync(stat, 'utf8')), script)
  }
})

test('a command as a person would type it', () => {
  assert.is(quoteCommand('a', ['b c', "d'e", 'f=/g']), `a 'b c' 'd'\\''e' f=/g`)
})

test.run()
