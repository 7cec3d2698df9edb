import { spawn } from 'node:child_process'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { speediso } from './helpers/program.ts'
import { temporaryDir } from './helpers/temporary.ts'

const MAIN = join(import.meta.dirname, '../../src/main.ts')

/** Node keeps its compile cache there as well; what counts is ours. */
function left(tmp: string): string[] {
  return readdirSync(tmp).filter((name) => name.startsWith('speediso-'))
}

test('a task leaves nothing behind', async () => {
  const TMPDIR = temporaryDir()
  const { stderr } = await speediso(['inventory', '--sections', 'boot'], { env: { TMPDIR } })
  assert.equal(left(TMPDIR), [])
  assert.not.match(stderr, 'Events and report')
})

test('with --run-dir events and report are kept there, and it says so', async () => {
  const TMPDIR = temporaryDir()
  const dir = join(temporaryDir(), 'kept')
  const args = ['inventory', '--sections', 'boot', '--run-dir', dir]
  const { stderr } = await speediso(args, { env: { TMPDIR } })
  assert.match(stderr, `Events and report: ${dir}`)
  assert.ok(existsSync(join(dir, 'events.ndjson')) && existsSync(join(dir, 'report.json')))
  assert.equal(left(TMPDIR), [])
  const second = await speediso(args)
  assert.is(second.code, 2)
  assert.match(second.stderr, `speediso: ${dir}: holds an earlier job; name a new folder by --run-dir`)
})

test('--help says that nothing is kept without --run-dir', async () => {
  const { stdout } = await speediso(['inventory', '--help'])
  assert.match(stdout, /--run-dir +keep events and report in this folder; without it they are not\s+kept/)
})

/** Starts an inventory that hangs, sends it these signals one after another, and waits for its end. */
async function interrupt(
  tmp: string,
  signals: NodeJS.Signals[],
): Promise<{ code: number | null; during: string[] }> {
  const bin = temporaryDir()
  writeFileSync(join(bin, 'df'), '#!/bin/sh\nexec sleep 1000\n', { mode: 0o755 })
  const env = { ...process.env, TMPDIR: tmp, PATH: `${bin}:${process.env.PATH}` }
  const child = spawn(process.execPath, ['--no-warnings', MAIN, 'inventory'], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  let said = ''
  let during: string[] = []
  for await (const text of child.stderr.setEncoding('utf8')) {
    said += text
    if (!said.includes('Read the file systems') || signals.length === 0) continue
    during = left(tmp)
    child.kill(signals.shift())
    if (signals.length > 0) setImmediate(() => child.kill(signals.shift()))
  }
  return { code: await ended, during }
}

for (const signals of [['SIGINT'], ['SIGTERM'], ['SIGINT', 'SIGINT']] as NodeJS.Signals[][]) {
  test(`nothing is left behind after ${signals.join(' and ')} either`, async () => {
    const tmp = temporaryDir()
    const { code, during } = await interrupt(tmp, [...signals])
    assert.is(during.length, 1, 'there is a folder while it runs')
    assert.ok(code === 1 || code === 3, `exit ${code}`)
    assert.equal(left(tmp), [])
  })
}

test.run()
