import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { run } from '../runner/process.ts'
import { temporaryDir } from './helpers/temporary.ts'

const dir = temporaryDir()
const never = new AbortController().signal
const script = (name: string, text: string) => {
  const file = join(dir, `${name}.mjs`)
  writeFileSync(file, text)
  return file
}

test('a script that ends well, badly, and by a signal', async () => {
  assert.is((await run([script('good', 'console.log(1)')], 10_000, never)).fault, undefined)
  assert.is((await run([script('bad', 'process.exit(3)')], 10_000, never)).fault, 'ended with exit code 3')
  const killed = script('killed', 'process.kill(process.pid, "SIGKILL"); setInterval(() => {}, 1000)')
  assert.is((await run([killed], 10_000, never)).fault, 'ended with signal SIGKILL')
})

test('past its limit a script is ended, and its children with it', async () => {
  const parent = script(
    'parent',
    `import { spawn } from 'node:child_process'
     console.log(spawn('sleep', ['1000'], { stdio: 'ignore' }).pid)
     setInterval(() => {}, 1000)`,
  )
  const { fault, output } = await run([parent], 500, never)
  assert.is(fault, 'did not end within 0.5 s')
  // Ended, though perhaps not yet collected by whoever adopts orphans.
  const stat = `/proc/${Number(output)}/stat`
  assert.ok(!existsSync(stat) || / Z /.test(readFileSync(stat, 'utf8')))
})

test('an interrupt ends a script', async () => {
  const { fault } = await run(
    [script('long', 'setInterval(() => {}, 1000)')],
    60_000,
    AbortSignal.timeout(200),
  )
  assert.is(fault, 'was interrupted')
})

/** Runs the runner over a folder of its own with these test files. */
function runner(files: Record<string, string>, ...args: string[]) {
  const folder = temporaryDir()
  spawnSync('mkdir', ['-p', join(folder, 'test/unit')])
  const uvu = join(import.meta.dirname, '../../node_modules/uvu/dist/index.mjs')
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(
      join(folder, 'test/unit', `${name}.test.ts`),
      `import { test } from ${JSON.stringify(uvu)}\n${text}\n`,
    )
  }
  const main = join(import.meta.dirname, '../run.ts')
  return spawnSync(process.execPath, [main, 'test/unit', ...args], { cwd: folder, encoding: 'utf8' })
}

test('the last line counts, and failures make the exit code', () => {
  const good = runner({ a: "test('x', () => {}); test('y', () => {}); test.skip('z', () => {}); test.run()" })
  assert.is(good.status, 0)
  assert.match(good.stdout, /\n2 passed, 0 failed, 1 skipped\n$/)
  const bad = runner({ a: "test('x', () => { throw new Error('no') }); test('y', () => {}); test.run()" })
  assert.is(bad.status, 1)
  assert.match(bad.stdout, /\n1 passed, 1 failed, 0 skipped\n$/)
})

test('a file that forgot test.run(), and one that hangs up silently, have failed', () => {
  const { status, stdout } = runner({
    a: "test('x', () => {})",
    b: "test('x', () => process.exit(0)); test.run()",
  })
  assert.is(status, 1)
  assert.match(stdout, 'a.test.ts: it ran no test; is test.run() there?')
  assert.match(stdout, /\n0 passed, 2 failed, 0 skipped\n$/)
})

test('a file whose tests were not run because what comes before them throws has failed', () => {
  const { status, stdout } = runner({
    a: "test.before(() => { throw new Error('no') }); test('x', () => {}); test('y', () => {}); test.run()",
  })
  assert.is(status, 1)
  assert.match(stdout, 'a.test.ts: not all of its tests were run')
})

test('nothing to run is a failure', () => {
  assert.is(runner({}).status, 1)
})

test.run()
